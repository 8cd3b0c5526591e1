// Texts are found in what a guest prints, in whatever pieces it comes.
#include "machine/console_watch.h"

#include <catch2/catch.hpp>

using ringside::ConsoleWatch;

TEST_CASE("a text is found whole, in pieces, and overlapping with another") {
  ConsoleWatch watch({"hello", "lost", "x", ""});
  watch.on_output("he");
  watch.on_output("l");
  CHECK_FALSE(watch.seen(0));
  watch.on_output("lost");  // "hellost": the second text begins within the first
  CHECK(watch.seen(0));
  CHECK(watch.seen(1));
  CHECK_FALSE(watch.seen(2));
  CHECK(watch.seen(3));
  watch.on_output(std::string(100'000, '.') + "x");
  CHECK(watch.seen(2));
}

TEST_CASE("a text that was seen stays seen") {
  ConsoleWatch watch({"PASS"});
  watch.on_output("PASS\n");
  watch.on_output(std::string(1000, ' '));
  CHECK(watch.seen(0));
}
