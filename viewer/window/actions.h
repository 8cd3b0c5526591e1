// What keys do. One table for the keyboard, the help overlay and the manual.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::viewer {

class App;

struct Action {
  std::string_view keys;   // "Right", "Shift+Right", "/": SDL's names, several with blanks between
  std::string_view what;   // "to the next crossing"
  std::string_view group;  // "Cursor"
  void (*run)(App& app);
};
const std::vector<Action>& actions();
// Null where the key does nothing.
const Action* find_action(std::string_view key);

}  // namespace ringside::viewer
