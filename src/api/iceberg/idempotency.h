// Stores replies under a client's idempotency key, so that a repeated request gets the same reply
// and does nothing (Apache Iceberg REST catalog spec, header Idempotency-Key).
//
// A reply is stored as its body. The reply of a load is stored as "@load <metadata location>
// <table>", because metadata files never change and are far larger than their names.
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

inline constexpr std::string_view kKeyLifetime = "PT30M";  // ISO 8601, as sent to clients
// longer, to allow for clocks that differ
inline constexpr std::chrono::minutes kReplyKept{40};

// Keys of requests in progress: a second request with the same key waits until the first has its
// reply. Threads: any.
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

// Sets the caller's key and digest if the request has a key: kInvalidInput (WH8091) unless it is a
// UUID of version 7.
Status ReadKey(const Route& route, RestCall& call);
// The reply stored under the request's key, if any; kInvalidInput (WH8092) if the key was used for
// another request.
Result<std::optional<http::HttpResponse>> FindKept(RestCall& call);
// Stores a reply that no commit has stored. If that fails the reply is sent all the same, because
// what it reports has happened.
void Keep(RestCall& call, const Reply& reply);
// Whether a repeated request would get the same result.
bool IsSettled(int status);

// The replies to be stored with a commit.
std::optional<catalog::StoredReply> MakeStoredReply(const RestCall& call, int status,
                                                    std::string body);
work::ReplyOf MakeStoredLoad(const RestCall& call);
std::string KeptLoad(const iceberg::TableMetadata& table);
}  // namespace weirhouse::rest
