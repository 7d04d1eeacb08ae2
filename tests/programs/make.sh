#!/usr/bin/env bash
# needs: make
set -e
cat >Makefile <<'END'
names := $(foreach a,0 1 2 3 4 5 6 7 8 9,$(foreach b,0 1 2 3 4 5 6 7 8 9,n$(a)$(b)))
upper = $(subst n,N,$(1))
all: total
	@wc -c total
total: $(names:%=out/%.txt)
	@cat $(sort $^) > $@
out/%.txt: src/%.in | out
	@echo '$(call upper,$*) $(words $(names)) $(patsubst n%,%,$*)' > $@ && cat $< >> $@
src/%.in: | src
	@echo $* > $@
src out:
	@mkdir -p $@
define rule
extra$(1): ; @echo extra $(1) $(shell expr $(1) \* 3)
extras: extra$(1)
endef
$(foreach i,1 2 3 4 5 6 7 8 9,$(eval $(call rule,$(i))))
$(foreach i,$(names),$(eval v_$(i) := $(foreach j,$(names),$(i)$(j))))
show: ; @echo $(words $(foreach i,$(names),$(v_$(i)))) $(lastword $(v_n42))
.PHONY: all extras show
.SECONDARY:
END
make -j4 all
make all
cksum total
make extras show
make -pn all | grep -c '^v_n'
