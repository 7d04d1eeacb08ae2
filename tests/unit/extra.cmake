# The count of instructions in the common path: of an optimised library alone, so that the bound in
# the script means something.
if(TARGET greyspan-malloc AND CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT GREY_CHECK)
  add_executable(tools_instructions_loop ${tools}/instructions_loop.c)
  target_link_libraries(tools_instructions_loop PRIVATE greyspan_flags)
  target_compile_options(tools_instructions_loop PRIVATE -fno-builtin -O2)
  add_dependencies(front_tests tools_instructions_loop)
  add_test(NAME front.instructions
    COMMAND bash ${tools}/instructions.sh $<TARGET_FILE:tools_instructions_loop>
            $<TARGET_FILE:greyspan-malloc> ${CMAKE_C_COMPILER_ID})
  grey_label(front.instructions front)
endif()
