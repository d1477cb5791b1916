// A session that counts the queries it passes on, for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ground/platform/sql/sql.h"

namespace weirhouse::transform {

class CountingSession : public platform::SqlSession {
 public:
  explicit CountingSession(platform::SqlSession& session) : session_(session) {}
  Status Execute(std::string_view sql) override { return session_.Execute(sql); }
  Result<std::shared_ptr<arrow::Table>> Query(std::string_view sql) override {
    ++queries;
    return session_.Query(sql);
  }
  platform::SqlBounds SetBounds(platform::SqlBounds bounds) override {
    return session_.SetBounds(std::move(bounds));
  }
  Status Register(const std::string& name, std::shared_ptr<arrow::Table> rows) override {
    return session_.Register(name, std::move(rows));
  }
  Status Unregister(const std::string& name) override { return session_.Unregister(name); }
  Result<std::string> ParseToJson(std::string_view sql) override {
    return session_.ParseToJson(sql);
  }
  Result<std::string> JsonToSql(std::string_view json) override { return session_.JsonToSql(json); }
  Result<std::shared_ptr<arrow::Schema>> Describe(std::string_view sql) override {
    return session_.Describe(sql);
  }

  int queries = 0;

 private:
  platform::SqlSession& session_;
};
}  // namespace weirhouse::transform
