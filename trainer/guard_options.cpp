#include "trainer/guard_options.h"

namespace cohort::trainer {

void GuardOptions::describe(core::Describe<GuardOptions>& d) {
  using O = GuardOptions;
  d.field("timeout", &O::timeout, "a call that ranks make together, or a read of data, that takes longer ends the run and names who is to blame; 0 waits for ever. No part of the result")
      .min(0).max(1e6).unit("s");
  d.field("check_every", &O::check_every, "steps between two checks that memory and copies of the weights still hold what was written to them, and that a lane computed "
          "twice has the same bits; 0 checks never. No part of the result")
      .min(0).unit("steps");
  d.field("on_divergence", &O::on_divergence, "when the loss or a gradient isn't finite, or the loss is loss_factor times what it was: stop: ends the run; roll_back: goes back to the last "
          "checkpoint and on from there with a smaller rate")
      .one_of({"stop", "roll_back"});
  d.field("loss_factor", &O::loss_factor, "a step's loss of so many times the median of the last 64 steps' counts as divergence; 0 looks only for numbers that aren't finite").min(0);
  d.field("roll_back_rate", &O::roll_back_rate, "what the rate is multiplied by after each roll-back").above(0).max(1);
  d.field("most_roll_backs", &O::most_roll_backs, "roll-backs before the run ends all the same").min(1).max(1000);
  d.rule("loss_factor", [](const O& o) { return std::string(o.loss_factor == 0 || o.loss_factor > 1 ? "" : "a factor of at most 1 would end every run"); }, "use 0 or a number above 1, such as 10");
}

}  // namespace cohort::trainer
