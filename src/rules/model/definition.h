// What a project declares about a model: models/*.yaml.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::model {

// The range a metric must fall into for the model to count as trained; both ends included.
struct MetricBound {
  std::string metric;
  std::optional<double> min;
  std::optional<double> max;
};

struct ServeDefinition {
  std::string script;                // path inside the project: "score.py"
  std::vector<std::string> request;  // the fields a caller sends, in declared order
  std::vector<std::string> output;   // the columns that predict() must return
};

struct ModelDefinition {
  std::string name;
  std::string training_set;              // name, without version: "late_v1"
  std::vector<std::string> command;      // argument vector, no shell: {"python", "train.py"}
  nlohmann::json params;                 // an object; handed to the command unchanged
  std::vector<MetricBound> metrics;      // sorted by metric
  std::optional<ServeDefinition> serve;  // absent: trained only
  nlohmann::json mirror;                 // kept as written, references unexpanded; null = none
  std::vector<std::string> notes;        // to be printed: keys that are accepted and come later
  SourceSpan span;                       // of the definition's name
};

// Parses every document of one file; `path` is used in messages only. Refuses unknown keys with a
// suggestion (WH2002), and all other errors with WH5001 at their place.
Result<std::vector<ModelDefinition>> ParseModels(std::string_view text, const std::string& path);

// Splits a command as a shell would (blanks, '…', "…", backslash), without running one.
//   kInvalidInput  an open quote, or no word at all
Result<std::vector<std::string>> SplitCommand(std::string_view command);
}  // namespace weirhouse::model
