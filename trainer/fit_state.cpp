#include "trainer/fit_state.h"

namespace cohort::trainer {

nlohmann::json to_json(const FitState& s) {
  return {{"step", s.step},
          {"loss", s.loss},
          {"epoch_loss", s.epoch_loss},
          {"epoch_weight", s.epoch_weight},
          {"ended", s.ended},
          {"best", {{"any", s.best.any}, {"value", s.best.value}, {"step", s.best.step}, {"since", s.best.since}}},
          {"evaluation", {{"any", s.evaluation.any}, {"step", s.evaluation.step}, {"goodness", s.evaluation.goodness}}},
          {"rate_factor", s.rate_factor},
          {"roll_backs", s.roll_backs},
          {"losses", s.losses}};
}

FitState fit_state_from_json(const nlohmann::json& json) {
  FitState s;
  json.at("step").get_to(s.step);
  json.at("loss").get_to(s.loss);
  json.at("epoch_loss").get_to(s.epoch_loss);
  json.at("epoch_weight").get_to(s.epoch_weight);
  json.at("ended").get_to(s.ended);
  const nlohmann::json& best = json.at("best");
  best.at("any").get_to(s.best.any);
  best.at("value").get_to(s.best.value);
  best.at("step").get_to(s.best.step);
  best.at("since").get_to(s.best.since);
  const nlohmann::json& evaluation = json.at("evaluation");
  evaluation.at("any").get_to(s.evaluation.any);
  evaluation.at("step").get_to(s.evaluation.step);
  evaluation.at("goodness").get_to(s.evaluation.goodness);
  json.at("rate_factor").get_to(s.rate_factor);
  json.at("roll_backs").get_to(s.roll_backs);
  json.at("losses").get_to(s.losses);
  return s;
}

}  // namespace cohort::trainer
