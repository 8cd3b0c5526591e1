// Where a machine of a test records to: a file in memory, which a process that dies leaves to its parent.
#pragma once

#include <string>

namespace ringside::test {

class Recording {
 public:
  Recording();  // Error: the host gives no more files
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  int descriptor() const { return descriptor_; }
  // By which it may be opened in this process.
  std::string path() const;
  // What has been written so far, in another one.
  void copy_from(const Recording& other);

 private:
  int descriptor_ = -1;
};

// All that is in a file, to a path; folders are made. Error: the host refuses.
void copy_to(int descriptor, const std::string& path);

}  // namespace ringside::test
