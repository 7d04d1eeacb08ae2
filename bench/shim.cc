/* google-benchmark behind harness.h; the only C++ of the benchmarks. */
#include "harness.h"

#include <benchmark/benchmark.h>
#include <string>
#include <sys/resource.h>

struct bench {
    benchmark::State *state;
    const bench_row *row;
    rusage before;
};

static double micros(const timeval &t)
{
    return 1e6 * double(t.tv_sec) + double(t.tv_usec);
}

uint64_t bench_begin(bench *b)
{
    getrusage(RUSAGE_SELF, &b->before);
    /* One batch of everything: the second question, in bench_end(), ends the run. */
    b->state->KeepRunningBatch(b->state->max_iterations);
    return uint64_t(b->state->max_iterations);
}

void bench_end(bench *b, uint64_t operations)
{
    b->state->KeepRunningBatch(1);
    rusage now;
    getrusage(RUSAGE_SELF, &now);
    uint64_t peak_kib = bench_peak_kib(); /* before the counters allocate */
    b->state->SetItemsProcessed(int64_t(operations));
    if (b->state->thread_index() != 0) /* counters of threads are summed; these are the process' */
        return;
    b->state->counters["user_us"] = micros(now.ru_utime) - micros(b->before.ru_utime);
    b->state->counters["system_us"] = micros(now.ru_stime) - micros(b->before.ru_stime);
    b->state->counters["minor_faults"] = double(now.ru_minflt - b->before.ru_minflt);
    b->state->counters["peak_kib"] = double(peak_kib);
}

uint64_t bench_arg(const bench *b, unsigned i)
{
    return b->row->arg[i];
}

unsigned bench_thread(const bench *b)
{
    return unsigned(b->state->thread_index());
}

unsigned bench_threads(const bench *b)
{
    return unsigned(b->state->threads());
}

int bench_run(const bench_row *row, const bench_settings *settings)
{
    std::string program = "bench", least = "--benchmark_min_time=" + std::to_string(settings->min_seconds);
    char *argv[] = { &program[0], &least[0], nullptr };
    int argc = 2;
    benchmark::Initialize(&argc, argv);

    auto *b = benchmark::RegisterBenchmark(row->name, [row](benchmark::State &state) {
        bench run = { &state, row, {} };
        row->body(&run);
    });
    b->UseRealTime()->Threads(int(settings->threads));
    if (row->iterations != 0) {
        double scaled = double(row->iterations) * settings->scale;
        b->Iterations(scaled < 1 ? 1 : benchmark::IterationCount(scaled));
    }
    benchmark::JSONReporter reporter;
    return benchmark::RunSpecifiedBenchmarks(&reporter) == 1 ? 0 : 1;
}
