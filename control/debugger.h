// The stepping debugger: lines of commands in, text of at most 80 columns out. Where lines come from (a
// person with line editing, a script) is not its business: cli/step.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/stepped_machine.h"
#include "control/terminal_escapes.h"

namespace ringside {

class Debugger {
 public:
  using Output = std::function<void(std::string_view)>;
  // `stop` is set by Ctrl-C. All outlive this.
  Debugger(Output output, volatile bool& stop) : output_(std::move(output)), stop_(stop) {}
  void attach(SteppedMachine& machine) { machine_ = &machine; }
  // What guests print, for SteppedMachine::start.
  void on_console(const std::string& console, const std::string& text);

  // One line; an empty one does nothing, and `#` begins a comment.
  Result<> execute(std::string_view line);
  bool wants_to_quit() const { return quit_; }
  // How the machine stands, for the first prompt.
  void greet();
  // Words that may stand at the end of `line` instead of what is there.
  std::vector<std::string> completions(std::string_view line);

  struct Command {
    std::string_view name, usage, title;
    std::string_view details;  // for `help NAME`, whole lines
    Result<> (Debugger::*run)(const std::vector<std::string>& words, std::string_view rest);
    // What its words are, for completion: 'w' wires, 'r' rings and devices, 'c' commands, ' ' nothing.
    char words = ' ';
  };
  static const std::vector<Command>& commands();

 private:
  using Words = std::vector<std::string>;
  struct Breakpoint {
    StopRule rule;
    bool once = false;
    uint64_t hits = 0;
  };

  // --- debugger_run.cpp: what moves the machine ---
  Result<> next(const Words& words, std::string_view rest);
  Result<> go_on(const Words& words, std::string_view rest);
  Result<> until(const Words& words, std::string_view rest);
  Result<> back(const Words& words, std::string_view rest);
  Result<> break_at(const Words& words, std::string_view rest);
  Result<> break_once(const Words& words, std::string_view rest);
  Result<> delete_breaks(const Words& words, std::string_view rest);
  Result<> info(const Words& words, std::string_view rest);
  Result<> fault(const Words& words, std::string_view rest);
  Result<> type(const Words& words, std::string_view rest);
  Result<> save(const Words& words, std::string_view rest);
  Result<> quit(const Words& words, std::string_view rest);
  // --- debugger_look.cpp: what looks at it ---
  Result<> where(const Words& words, std::string_view rest);
  Result<> ring(const Words& words, std::string_view rest);
  Result<> evtchn(const Words& words, std::string_view rest);
  Result<> grants(const Words& words, std::string_view rest);
  Result<> xenstore(const Words& words, std::string_view rest);
  Result<> nine_p(const Words& words, std::string_view rest);
  Result<> devices(const Words& words, std::string_view rest);
  Result<> regs(const Words& words, std::string_view rest);
  Result<> disas(const Words& words, std::string_view rest);
  Result<> mem(const Words& words, std::string_view rest);
  Result<> bt(const Words& words, std::string_view rest);
  Result<> wires(const Words& words, std::string_view rest);
  Result<> help(const Words& words, std::string_view rest);

  void print(std::string_view line);
  // Folded to 80 columns.
  void print_folded(const std::string& line);
  void end_console_line();
  Result<> run(SteppedMachine::Until until);
  void report_stop(const Json& answer);
  void report_end(const Json& report);
  Result<> give(const std::string& wire, std::string_view bytes);
  Result<> add_break(std::string_view text, bool once);
  // An error with near names where no wire matches.
  Result<> check_glob(const std::string& glob);
  Result<> show_view(Json request);
  Result<std::vector<std::string>> wire_names();
  const std::string& first_domain() const { return domain_; }

  const Output output_;
  volatile bool& stop_;
  SteppedMachine* machine_ = nullptr;
  std::string domain_;
  std::vector<Breakpoint> breaks_;
  int64_t last_break_ = 0;
  std::string open_console_, open_line_;  // a line of a guest that no newline has ended
  TerminalEscapes escapes_;
  bool by_itself_ = false;  // the last stop was not where it was asked for
  bool quit_ = false;
};

}  // namespace ringside
