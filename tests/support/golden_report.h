// SPDX-License-Identifier: Apache-2.0
// One golden file under test. Each test of one ends with a summary (cases, fields read, exceptions with their reasons)
// and fails for a field that nobody read and for an exception that is not on the list of golden_exceptions.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/glob.h"
#include "support/golden_exceptions.h"
#include "support/golden_value.h"

namespace octet::test {

/// The folder that OCTET_GOLDEN_DIR names, or null for the vectors that come with the tests.
inline const char* other_golden_folder() { return std::getenv("OCTET_GOLDEN_DIR"); }

inline GoldenJson read_golden_file(const std::string& name) {
  const char* const other = other_golden_folder();
  const std::string path = (other ? std::string(other) : std::string(OCTET_TEST_DATA) + "/golden") + '/' + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return GoldenJson::parse(file);
}

class GoldenReport {
 public:
  explicit GoldenReport(const std::string& file)
      : GoldenReport(file, read_golden_file(file), kGoldenExceptions, !other_golden_folder()) {}
  /// `shipped`: the vectors that the list of exceptions names cases of.
  GoldenReport(std::string file, GoldenJson content, const std::vector<GoldenException>& exceptions, bool shipped)
      : file_(std::move(file)), content_(std::move(content)), shipped_(shipped) {
    for (const GoldenException& one : exceptions)
      if (matches(one.file, file_)) exceptions_.push_back(one);
  }
  ~GoldenReport() { finish(); }
  GoldenReport(const GoldenReport&) = delete;
  GoldenReport& operator=(const GoldenReport&) = delete;

  /// A field beside the cases.
  Golden at(const std::string& key) { return root().at(key); }

  /// Each element of the list `section` as a case; failures and exceptions noted meanwhile are its.
  template <typename Check>
  void each(const std::string& section, const Check& check) {
    visited_.insert(at(section).path());
    for (const Golden& one : at(section).elements()) run(one, name_of(one), [&] { check(one); });
  }

  /// Notes that the case differs from AMCT in a way that the list has under `kind`; `detail` is for people.
  void except(std::string_view kind, const std::string& detail = "") {
    const auto entry = std::ranges::find(exceptions_, kind, &GoldenException::kind);
    if (entry == exceptions_.end()) {
      ADD_FAILURE() << file_ << ": " << id_ << ": the exception is not on the list: " << kind;
      return;
    }
    EXPECT_TRUE(entry->concerns(*case_)) << file_ << ": " << id_
                                         << ": not of the cases that the list has under: " << kind;
    const auto named = std::ranges::find_if(entry->cases, [&](std::string_view one) { return matches(one, id_); });
    EXPECT_TRUE(!shipped_ || named != entry->cases.end())
        << file_ << ": " << id_ << ": not one of the cases that the list names under: " << kind;
    if (named != entry->cases.end()) used_[entry->kind].insert(*named);
    if (excepted_.insert(entry->kind).second)
      notes_.push_back(id_ + ": " + std::string(entry->deviation) + (entry->deviation.empty() ? "" : ": ") +
                       std::string(entry->reason) + (detail.empty() ? "" : " (" + detail + ')'));
  }

 private:
  Golden root() { return {content_, file_, reads_}; }

  std::string name_of(const Golden& one) const {
    if (one.contains("id")) return one.at("id").get<std::string>();
    const std::string place = one.path().substr(file_.size() + 1);
    return one.contains("about") ? place + ", " + one.at("about").get<std::string>() : place;
  }

  template <typename Check>
  void run(const Golden& one, const std::string& id, const Check& check) {
    SCOPED_TRACE(file_ + ": " + id);
    const auto failures = failed_parts();
    id_ = id;
    case_ = &one.peek();
    excepted_.clear();
    try {
      check();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    expect_all_read(one.peek(), one.path());
    ++cases_;
    agreeing_ += failed_parts() == failures && excepted_.empty();
  }

  // Where a case is an error, what would have gone in after it need not be read.
  static bool may_stay_unread(const GoldenJson& value, const std::string& field) {
    if (!value.contains("error")) return false;
    return !field.starts_with("error") && !field.starts_with("expected");
  }

  bool is_commentary(const std::string& field) {
    for (const GoldenCommentary& one : kGoldenCommentary)
      if (matches(one.file, file_) &&
          (matches(one.field, field) || matches(one.field, field.substr(0, field.find('.')))))
        return true;
    return false;
  }

  bool is_excepted(const std::string& field) const {
    return std::ranges::any_of(exceptions_, [&](const GoldenException& one) {
      return excepted_.contains(one.kind) &&
             std::ranges::any_of(one.fields, [&](std::string_view pattern) { return matches(pattern, field); });
    });
  }

  void expect_all_read(const GoldenJson& value, const std::string& path) {
    std::set<std::string> unread;
    visit_fields(value, path, "", reads_, false, [&](const std::string& field, bool read) {
      fields_ += read;
      if (!read && !is_commentary(field) && !may_stay_unread(value, field) && !is_excepted(field)) unread.insert(field);
    });
    for (const std::string& field : unread) ADD_FAILURE() << file_ << ": " << id_ << ": nobody has read " << field;
  }

  // What lies beside the cases, and the entries of the list.
  void finish() {
    excepted_.clear();
    id_ = "beside the cases";
    for (const std::string& path : visited_) reads_.insert(path);
    const int fields = std::exchange(fields_, 0);  // those of the cases
    expect_all_read(content_, file_);
    for (const GoldenException& one : exceptions_)
      for (const std::string_view name : one.cases)
        EXPECT_TRUE(!shipped_ || used_[one.kind].contains(name))
            << file_ << ": the list has an exception that does not occur: " << one.kind << ", case " << name;
    std::cout << "golden " << file_ << ": " << agreeing_ << " of " << cases_ << " cases agree, " << fields
              << " fields read, " << notes_.size() << " exceptions\n";
    for (const std::string& note : notes_) std::cout << "  " << note << '\n';
  }

  static int failed_parts() {
    return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
  }

  const std::string file_;
  const GoldenJson content_;
  const bool shipped_;
  std::vector<GoldenException> exceptions_;  // of this file
  GoldenReads reads_;
  std::set<std::string> visited_;                                // lists of cases
  std::map<std::string_view, std::set<std::string_view>> used_;  // of each kind the named cases
  int cases_ = 0, agreeing_ = 0, fields_ = 0;
  std::vector<std::string> notes_;

  std::string id_;  // of the case that runs
  const GoldenJson* case_ = nullptr;
  std::set<std::string_view> excepted_;  // kinds
};

}  // namespace octet::test
