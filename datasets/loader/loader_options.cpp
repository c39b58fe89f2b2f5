#include "datasets/loader/loader_options.h"

namespace cohort::datasets {

void LoaderOptions::describe(core::Describe<LoaderOptions>& d) {
  using O = LoaderOptions;
  d.field("memory_mib", &O::memory_mib, "bound of what the loader of each rank keeps in memory").min(0).max(1 << 24).unit("MiB");
  d.field("spill", &O::spill, "folder for transformed rows beyond that; empty takes $TMPDIR, else /var/tmp");
  d.field("prefetch", &O::prefetch, "steps held ready ahead of the trainer").min(1).max(1024).unit("steps");
  d.field("threads", &O::threads, "threads that read and transform rows; no part of the result").min(1).max(1024).unit("threads");
  d.field("shuffle", &O::shuffle, "full: any row may come at any place; block: rows of block_chunks chunks a lane are mixed at a time, for data far larger "
                                  "than memory; part of the result").one_of({"full", "block"});
  d.field("block_chunks", &O::block_chunks, "chunks of rows that each lane mixes at a time with block shuffle; part of the result").min(1).max(1 << 20).unit("chunks");
}

}  // namespace cohort::datasets
