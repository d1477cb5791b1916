// Which feature views there are, and what each computes. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rules/feature/definition/definition.h"

namespace weirhouse::answers {

// Names of the entity's keys: "carrier"; of a request view its fields: "sched_dep_at, distance".
std::string EntityKeysOf(const feature::FeatureView& view);
// From when on a row may be used: "latest", "ingestion", a column, "event time + 2h".
std::string KnownTimeOf(const feature::FeatureView& view);
// {"view": {view, table, source, keys, event_time, known_time, ttl, description, digest, columns:
// [{column, aggregate, of, window}]}}
nlohmann::json ToJson(const feature::FeatureView& view);
}  // namespace weirhouse::answers
