#include "ground/platform/db/database.h"

namespace weirhouse::platform {

Result<std::optional<std::int64_t>> Database::Insert(std::string_view sql,
                                                     const std::vector<DatabaseValue>& parameters) {
  std::optional<std::int64_t> value;
  WEIRHOUSE_TRY_STATUS(Each(sql, parameters, [&](const DatabaseRow& row) {
    value = row.Int(0);
    return Status::Ok();
  }));
  return value;
}
}  // namespace weirhouse::platform
