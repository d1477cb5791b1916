// The storage of the lake: raw objects, Iceberg data and metadata, code, model artifacts. Every
// write of the product goes through this interface, so failpoints, injected faults and the
// simulated power loss are implemented behind it.
//
// It needs only what a shared store can do as well as a disk: an object is created or replaced
// whole; it is never appended to, renamed or changed in place; there are no folders, only locations
// with a common prefix. So S3 can implement it: Write and PutIfAbsent are a PUT with
// `If-None-Match: *`, Replace is a PUT, ReadRange and Open a GET with a range, List is
// ListObjectsV2 with a prefix, start-after and max-keys, and Flush does nothing.
// `store_conformance.h` is the suite that every driver passes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

// An earlier fsync of the object failed, so a later success proves nothing.
inline constexpr Reason kSyncFailedBefore{"WH7034"};

struct FileInfo {
  std::string path;  // the location
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;  // 0 where the store has none
  bool is_folder = false;   // never on a store without folders
};

// One page of a listing. `more`: further objects follow the last one.
struct ObjectPage {
  std::vector<FileInfo> objects;
  bool more = false;
};

// What readers of a store keep of its objects, which never change. Whoever reads has a kind of their
// own, with its bounds; it goes with the store that has it.
class ReadCache {
 public:
  virtual ~ReadCache() = default;
};

// Locations are absolute paths or URIs ("/lake/a", "file:///lake/a"); the store returns them in its
// canonical spelling. Threads: any. Errors: kNotFound (WH7012), kPermissionDenied, kUnavailable
// (disk full, too many open files: retry may help), kConflict (WH7014, Write found an object
// there), kCorruption (a flush failed: reopen and recover, never retry; WH7017: a range ends beyond
// the object), each with the location and what to do.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // The canonical spelling of a location, for comparing locations: see CanonicalPath. If the
  // store's content was moved, former locations are spelled as present ones (moved_store.h).
  virtual std::string Spelling(std::string_view location) const;

  // Creates an object, durable after Flush. It must not exist (kConflict).
  virtual Status Write(const std::string& location, std::string_view bytes) = 0;
  // Makes objects written with Write durable. After OK they survive a power cut, and a commit may
  // name them. Cost on a disk: about the time of one fsync for every 8 files, and one fsync per
  // folder.
  virtual Status Flush(std::span<const std::string> locations) = 0;

  // Creates an object whole and durably if it is absent. Returns true if it was created, false if
  // it existed (and is then durable too). Of racing callers exactly one gets true. `mode` is the
  // file mode on a disk.
  virtual Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                                   unsigned mode) = 0;
  // As PutIfAbsent, from a stream, which may be left unread if the object exists. An error of the
  // stream is returned, and nothing is stored. Memory: one piece, unless the driver supports only
  // whole objects.
  virtual Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                         unsigned mode);

  // Creates or replaces an object whole and durably: a concurrent reader sees the old bytes or the
  // new ones.
  virtual Status Replace(const std::string& location, std::string_view bytes) = 0;
  // As Replace, from a stream and with `mode`. An error of the stream is returned, and the old
  // object stays.
  virtual Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode);

  virtual Result<std::string> Read(const std::string& location) = 0;
  virtual Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                        std::int64_t size_bytes) = 0;
  // The bytes of a range, as a stream. If the object is shorter, ReadRange's error comes from this
  // call or from the stream when it gets there. The store must outlive the stream.
  virtual Result<std::unique_ptr<ByteStream>> Open(const std::string& location, std::int64_t offset,
                                                   std::int64_t size_bytes);
  virtual Result<FileInfo> Stat(const std::string& location) = 0;
  // Up to `limit` objects whose locations begin with `prefix` and come after `after` (empty: all),
  // in byte order. A prefix without objects is not an error. Links are not followed.
  virtual Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                                  std::int64_t limit) = 0;
  // OK if absent; also deletes an empty folder
  virtual Status Delete(const std::string& location) = 0;
  // Prepares a folder for engines that write there themselves: on a disk it creates the folder and
  // its parents; a store without folders does nothing.
  virtual Status MakeFolder(const std::string& location) = 0;
  // Where readers keep what they parsed; null where nothing is kept, and they read again each time.
  virtual ReadCache* read_cache() { return nullptr; }
};

// A range of an object, read by ReadRange piece by piece: kCorruption (WH7017) if the object is
// shorter.
class RangeStream final : public ByteStream, public RandomBytes {
 public:
  RangeStream(ObjectStore& store, std::string location, std::int64_t offset,
              std::int64_t size_bytes)
      : store_(store),
        location_(std::move(location)),
        begin_(offset),
        size_bytes_(size_bytes),
        offset_(offset),
        left_bytes_(size_bytes) {}
  Result<std::size_t> Read(char* into, std::size_t room) override;
  RandomBytes* random() override { return this; }
  std::int64_t size_bytes() const override { return size_bytes_; }
  Status ReadAt(std::int64_t offset, char* into, std::size_t count) override;

 private:
  ObjectStore& store_;
  std::string location_;
  std::int64_t begin_;
  std::int64_t size_bytes_;
  std::int64_t offset_;
  std::int64_t left_bytes_;
};

// The SHA-256 of an object's bytes. Memory: one piece.
Result<Digest> HashObject(ObjectStore& store, const std::string& location);
}  // namespace weirhouse::platform
