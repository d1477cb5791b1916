// Answers kept under a client's key, so that asking again is answered again and does nothing.
//
// A reply is kept as its body; that of a load as "@load <metadata location>\n<table>", because
// metadata files never change and each is far larger than its name.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/iceberg/rest_call.h"
#include "api/iceberg/route.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/net/message.h"
#include "work/foreign/foreign_commit.h"

namespace weirhouse::rest {

inline constexpr std::string_view kKeyLifetime = "PT30M";  // ISO 8601, as clients are told
inline constexpr std::chrono::minutes kReplyKept{40};      // longer, for clocks that differ

// Keys whose first request is being worked on: a second waits until the first has its answer.
class KeysAtWork {
 public:
  class Hold {
   public:
    Hold(KeysAtWork& keys, std::string key);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    KeysAtWork& keys_;
    const std::string key_;  // empty: holds nothing
  };

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<std::string> held_;  // guarded by mutex_
};

// Fills in the caller's key and digest, if the request has a key: kInvalidInput (WH8091) unless it
// is a UUID of version 7.
Status ReadKey(const Route& route, RestCall& call);
// The answer kept under the request's key, if there is one; kInvalidInput (WH8092) if another
// request was answered under it.
Result<std::optional<http::HttpResponse>> FindKept(RestCall& call);
// Keeps what no commit has kept. A reply that cannot be kept is sent all the same: what it tells of
// has happened.
void Keep(RestCall& call, const Reply& reply);
// Whether asking again would end the same way.
bool IsSettled(int status);

// For commits: what is stored with them.
std::optional<catalog::StoredReply> MakeStoredReply(const RestCall& call, int status,
                                                    std::string body);
work::ReplyOf MakeStoredLoad(const RestCall& call);
std::string KeptLoad(const iceberg::TableMetadata& table);
}  // namespace weirhouse::rest
