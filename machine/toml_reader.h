// Reads one TOML table with the keys that it may have. What is wrong is said with file, line and, for a key
// that does not exist, the nearest one that does. The first error is kept; later reads give defaults.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <toml.hpp>
#include <vector>

#include "sim/result.h"
#include "sim/tick.h"

namespace ringside {

class TomlErrors {
 public:
  explicit TomlErrors(std::string origin) : origin_(std::move(origin)) {}
  void add(const toml::value& where, std::string message);
  void add(uint_least32_t line, std::string message);
  const std::optional<std::string>& first() const { return first_; }

 private:
  std::string origin_;
  std::optional<std::string> first_;
};

class TomlReader {
 public:
  // `title` is how messages call the table: "[machine]".
  TomlReader(const toml::value& table, std::string title, TomlErrors& errors);
  // Complains about the keys that nobody asked for. Call it after the last read.
  void finish();

  bool has(const std::string& key);
  void read(const std::string& key, std::string& into);
  void read(const std::string& key, bool& into);
  void read(const std::string& key, uint64_t& into);
  void read(const std::string& key, uint32_t& into);
  void read(const std::string& key, Tick& into);
  void read(const std::string& key, std::vector<std::string>& into);
  // A table of texts, by key.
  void read(const std::string& key, std::vector<std::pair<std::string, std::string>>& into);
  // "64M", "1G", "4096K": bytes.
  void read_size(const std::string& key, uint64_t& into);
  // "2GHz": hertz.
  void read_frequency(const std::string& key, uint64_t& into);
  // "500MB/s": bytes per second.
  void read_rate(const std::string& key, uint64_t& into);
  void require(const std::string& key);
  // A sub-table, and the elements of an array of tables.
  void table(const std::string& key, const std::function<void(TomlReader&)>& use);
  void each(const std::string& key, const std::function<void(TomlReader&)>& use);

  // For errors about the table as a whole, or about a key's value.
  void error(std::string message);
  void error(const std::string& key, std::string message);

 private:
  const toml::value* find(const std::string& key);
  void read_scaled(const std::string& key, uint64_t& into,
                   const std::vector<std::pair<std::string_view, uint64_t>>& units, const char* example);

  const toml::value& table_;
  std::string title_;
  TomlErrors& errors_;
  std::vector<std::string> known_;
};

// The candidate with the smallest edit distance, when it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ringside
