#include "datasets/import/join_table.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "core/error.h"
#include "core/toml_document.h"
#include "core/toml_path.h"
#include "datasets/import/join_records.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

/// One place of the index: open addressing with linear probing, at most half full.
struct JoinSlot {
  uint64_t hash = 0;
  uint64_t offset_plus_one = 0;  ///< of the row among the rows
};

/// What stands before a row's texts: its number, then the length of the key and of each field.
struct RowHead {
  uint64_t number = 0;
};

uint64_t key_hash(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

/// The columns of the table's files: where the key stands, and which columns are taken.
struct JoinColumns {
  std::vector<std::string> names;  ///< without prefix
  std::vector<std::size_t> fields;
  std::size_t key = 0;
  std::vector<std::string> all;  ///< the files' own, those that aren't taken included
};

JoinColumns columns_of(const JoinOptions& options, const std::vector<fs::path>& files, JoinRecords& records) {
  const std::vector<std::string> names = records.names(files.front());
  const std::string key = options.key.empty() ? options.on : options.key;
  JoinColumns columns;
  columns.all = names;
  auto find = [&](const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const std::string guess = core::did_you_mean(name, names);
    std::string list;
    for (const std::string& known : names) list += (list.empty() ? "" : ", ") + core::toml_string(known);
    throw core::usage_error("the joined table has no column " + core::toml_string(name),
                            guess.empty() ? "its columns are " + list : "did you mean \"" + guess + "\"?")
        .at({files.front().string(), 1, 1});
  };
  columns.key = find(key);
  if (options.columns.empty()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i != columns.key) columns.fields.push_back(i);
    }
  } else {
    for (const std::string& name : options.columns) columns.fields.push_back(find(name));
  }
  for (const std::size_t field : columns.fields) columns.names.push_back(names[field]);
  return columns;
}

/// Reads the table's files and writes the mapped ones. Rank 0's.
class JoinBuilder {
 public:
  JoinBuilder(const JoinOptions& options, const JoinColumns& columns, const fs::path& rows_file, const fs::path& index_file)
      : options_(options), columns_(columns), rows_file_(rows_file), index_file_(index_file) {
    out_ = std::fopen(rows_file.c_str(), "wbx");
    if (out_ == nullptr) throw core::system_error("creating " + rows_file.string(), errno);
  }
  ~JoinBuilder() {
    if (out_ != nullptr) std::fclose(out_);
  }
  JoinBuilder(const JoinBuilder&) = delete;
  JoinBuilder& operator=(const JoinBuilder&) = delete;

  void add_file(const fs::path& file, JoinRecords& records) {
    files_.push_back({rows_, file, begins_as_parquet(file)});
    std::vector<std::size_t> wanted = columns_.fields;
    if (std::find(wanted.begin(), wanted.end(), columns_.key) == wanted.end()) wanted.push_back(columns_.key);
    records.read(file, columns_.all, wanted, [this](const std::vector<CsvField>& fields, int line) { add_row(fields, line); });
  }

  /// The index, once all rows are there. Gives the number of duplicates.
  uint64_t finish() {
    if (std::fclose(std::exchange(out_, nullptr)) != 0) throw core::system_error("writing " + rows_file_.string(), errno);
    const std::size_t slots = std::bit_ceil(std::max<std::size_t>(64, 2 * rows_));
    const int index = ::open(index_file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (index < 0) throw core::system_error("creating " + index_file_.string(), errno);
    // Reserved for certain: a page that finds no room when it is written would end the process by a signal.
    const int full = ::posix_fallocate(index, 0, static_cast<off_t>(slots * sizeof(JoinSlot)));
    void* const memory = full != 0 ? MAP_FAILED : ::mmap(nullptr, slots * sizeof(JoinSlot), PROT_READ | PROT_WRITE, MAP_SHARED, index, 0);
    ::close(index);
    if (memory == MAP_FAILED) throw core::system_error("writing " + index_file_.string(), full != 0 ? full : errno);
    const MappedFile rows(rows_file_);
    fill({static_cast<JoinSlot*>(memory), slots}, reinterpret_cast<const char*>(rows.data()));
    ::munmap(memory, slots * sizeof(JoinSlot));
    if (duplicate_) throw *duplicate_;
    return duplicates_;
  }

  uint64_t rows() const { return rows_; }
  const TextCare& care() const { return care_; }

 private:
  /// The first row of each file.
  struct TableFile {
    uint64_t first = 0;
    fs::path file;
    bool parquet = false;

    core::Place at(int line) const {
      return parquet ? core::Place{file.string() + ", row " + std::to_string(line), 0, 0} : core::Place{file.string(), line, 1};
    }
  };

  void add_row(const std::vector<CsvField>& fields, int line) {
    if (fields.size() != columns_.all.size()) {
      throw core::usage_error("this record has " + std::to_string(fields.size()) + " fields, the joined table has " + std::to_string(columns_.all.size()) + " columns",
                              "mend the line, or check join.csv.delimiter and join.csv.quote")
          .at(files_.back().at(line));
    }
    buffer_.clear();
    const RowHead head{rows_++};
    buffer_.append(reinterpret_cast<const char*>(&head), sizeof head);
    auto add = [&](std::string_view text) {
      const auto size = static_cast<uint32_t>(text.size());
      buffer_.append(reinterpret_cast<const char*>(&size), sizeof size);
      buffer_.append(text);
    };
    add(trimmed(fields[columns_.key].text));
    for (const std::size_t field : columns_.fields) {
      add(fields[field].text);
      care_.see(fields[field].text);
    }
    // The line is wanted for the message about a duplicate alone; it goes where the fields end.
    const auto stored_line = static_cast<uint32_t>(line);
    buffer_.append(reinterpret_cast<const char*>(&stored_line), sizeof stored_line);
    if (std::fwrite(buffer_.data(), 1, buffer_.size(), out_) != buffer_.size()) throw core::system_error("writing " + rows_file_.string(), errno);
  }

  static std::string_view text_at(const char* rows, uint64_t& at) {
    uint32_t size = 0;
    std::memcpy(&size, rows + at, sizeof size);
    const std::string_view text(rows + at + sizeof size, size);
    at += sizeof size + size;
    return text;
  }

  void fill(std::span<JoinSlot> slots, const char* rows) {
    const std::size_t mask = slots.size() - 1;
    for (uint64_t at = 0, row = 0; row < rows_; ++row) {
      const uint64_t start = at;
      at += sizeof(RowHead);
      const std::string_view key = text_at(rows, at);
      for (std::size_t i = 0; i < columns_.fields.size(); ++i) text_at(rows, at);
      uint32_t line = 0;
      std::memcpy(&line, rows + at, sizeof line);
      at += sizeof line;
      if (key.empty()) continue;
      const uint64_t hash = key_hash(key);
      std::size_t slot = hash & mask;
      bool taken = false;
      for (; slots[slot].offset_plus_one != 0; slot = (slot + 1) & mask) {
        uint64_t other = slots[slot].offset_plus_one - 1 + sizeof(RowHead);
        if (slots[slot].hash == hash && text_at(rows, other) == key) {
          taken = true;
          break;
        }
      }
      if (taken) {
        ++duplicates_;
        if (options_.duplicates == "fail" && !duplicate_) duplicate_ = duplicate_error(key, row, static_cast<int>(line));
        if (options_.duplicates != "last") continue;
      }
      slots[slot] = {hash, start + 1};
    }
  }

  core::Error duplicate_error(std::string_view key, uint64_t row, int line) const {
    const auto file = std::find_if(files_.rbegin(), files_.rend(), [&](const TableFile& table) { return table.first <= row; });
    return core::usage_error("the joined table has two rows with the key " + show(key), "set duplicates = \"first\" or \"last\" in [[join]], or mend the table")
        .at(file->at(line));
  }

  const JoinOptions& options_;
  const JoinColumns& columns_;
  fs::path rows_file_, index_file_;
  std::FILE* out_ = nullptr;
  std::string buffer_;
  uint64_t rows_ = 0, duplicates_ = 0;
  std::vector<TableFile> files_;
  TextCare care_;
  std::optional<core::Error> duplicate_;
};

}  // namespace

std::vector<std::string> joined_names(const JoinOptions& options, const std::vector<fs::path>& files) {
  JoinRecords records(options);
  std::vector<std::string> names = columns_of(options, files, records).names;
  for (std::string& name : names) name = options.prefix + name;
  return names;
}

JoinTable::JoinTable(core::Communicator& comm, const JoinOptions& options, const std::vector<fs::path>& files, std::size_t field, const fs::path& base)
    : field_(field) {
  unmatched_ = options.unmatched == "missing" ? Unmatched::kMissing : options.unmatched == "drop" ? Unmatched::kDrop : Unmatched::kFail;
  const fs::path rows_file = base.string() + "-rows.tmp", index_file = base.string() + "-index.tmp";
  const std::string built = core::text_from_root(comm, [&] {
    JoinRecords records(options);
    const JoinColumns columns = columns_of(options, files, records);
    JoinBuilder builder(options, columns, rows_file, index_file);
    for (const fs::path& file : files) builder.add_file(file, records);
    const uint64_t duplicates = builder.finish();
    return nlohmann::json{{"names", columns.names}, {"rows", builder.rows()}, {"duplicates", duplicates},
                          {"high_bytes", builder.care().high_bytes}, {"nul_bytes", builder.care().nul_bytes}}.dump();
  });
  const nlohmann::json json = nlohmann::json::parse(built);
  for (const auto& name : json["names"]) names_.push_back(options.prefix + name.get<std::string>());
  rows_ = json["rows"].get<uint64_t>();
  duplicates_ = json["duplicates"].get<uint64_t>();
  care_ = {json["high_bytes"].get<bool>(), json["nul_bytes"].get<bool>()};
  used_ = std::vector<std::atomic<uint64_t>>((rows_ + 63) / 64);
  core::together(comm, [&] {
    data_ = std::make_unique<MappedFile>(rows_file);
    index_ = std::make_unique<MappedFile>(index_file);
  });
  // Mapped by all: the files go with the last of them, and aren't part of the dataset.
  core::on_root(comm, [&] {
    fs::remove(rows_file);
    fs::remove(index_file);
  });
}

JoinTable::~JoinTable() = default;

bool JoinTable::append(const CsvField& key, std::vector<CsvField>& fields) const {
  const std::string_view wanted = trimmed(key.text);
  const std::span<const JoinSlot> slots(reinterpret_cast<const JoinSlot*>(index_->data()), index_->size() / sizeof(JoinSlot));
  const char* const rows = reinterpret_cast<const char*>(data_->data());
  const uint64_t hash = key_hash(wanted);
  auto text_at = [rows](uint64_t& at) {
    uint32_t size = 0;
    std::memcpy(&size, rows + at, sizeof size);
    const std::string_view text(rows + at + sizeof size, size);
    at += sizeof size + size;
    return text;
  };
  for (std::size_t slot = hash & (slots.size() - 1); !wanted.empty() && slots[slot].offset_plus_one != 0; slot = (slot + 1) & (slots.size() - 1)) {
    if (slots[slot].hash != hash) continue;
    uint64_t at = slots[slot].offset_plus_one - 1;
    RowHead head;
    std::memcpy(&head, rows + at, sizeof head);
    at += sizeof head;
    if (text_at(at) != wanted) continue;
    for (std::size_t i = 0; i < names_.size(); ++i) fields.push_back({text_at(at), key.start});
    used_[head.number / 64].fetch_or(uint64_t{1} << (head.number % 64), std::memory_order_relaxed);
    return true;
  }
  for (std::size_t i = 0; i < names_.size(); ++i) fields.push_back({std::string_view(), key.start});
  return false;
}

JoinTable::Counts JoinTable::counts(core::Communicator& comm) const {
  std::vector<uint64_t> mine(used_.size()), all(used_.size());
  for (std::size_t i = 0; i < used_.size(); ++i) mine[i] = used_[i].load(std::memory_order_relaxed);
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(mine)))) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i * sizeof word, sizeof word);
      all[i] |= word;
    }
  }
  Counts counts{rows_, duplicates_, 0};
  for (const uint64_t word : all) counts.used += static_cast<uint64_t>(std::popcount(word));
  return counts;
}

}  // namespace cohort::datasets
