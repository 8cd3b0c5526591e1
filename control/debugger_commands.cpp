// The debugger's commands and what `help` says of them.
#include <fmt/format.h>

#include <algorithm>

#include "control/debugger.h"
#include "sim/near_names.h"

namespace ringside {

const std::vector<Debugger::Command>& Debugger::commands() {
  static const std::vector<Command> kCommands{
      {"next", "next [GLOB [in|out] [if FIELD OP VALUE ...] | N]", "on to the next crossing",
       "Without a glob any crossing counts; with a number, so many of them. A glob\n"
       "without a domain, such as ring/xvda/*, matches any domain. Breaks stop it, too.\n",
       &Debugger::next, 'w'},
      {"continue", "continue", "on until a break, or the end",
       "Ctrl-C stops the machine at its next crossing.\n", &Debugger::go_on, ' '},
      {"until", "until TIME", "on until a time: 1.5ms, 20us, or picoseconds",
       "Stops at the first crossing, or between two, at which it is that late.\n", &Debugger::until, ' '},
      {"back", "back [GLOB [in|out] [if FIELD OP VALUE ...]]", "back to the crossing before",
       "The machine is as it was then: `where` shows the same digest. Going on from\n"
       "there, what was typed and the faults that were given come again at the same\n"
       "instruction; what is given anew makes another history, and those go.\n",
       &Debugger::back, 'w'},
      {"break", "break GLOB [in|out] [if FIELD OP VALUE ...] | CONDITION", "stop there from now on",
       "FIELD is a field's name as `next` shows it; OP is == != < <= > >= or ~, which\n"
       "means \"the text contains\"; several conditions must all hold. Or a CONDITION\n"
       "that no single crossing gives:\n"
       "  index-written RING [FIELD]  the guest has written an index of the ring's page:\n"
       "                              req_prod, req_event, rsp_prod, rsp_event\n"
       "  notify-suppressed RING      RING_PUSH_..._AND_CHECK_NOTIFY told nobody\n"
       "  wakeup-missed               a checker finds that one was due and did not come\n"
       "  xenbus DEVICE STATE         either end of the device comes to the state\n"
       "  masked-pending PORT         an event comes for a port that is masked\n"
       "  violation [RULE]            a checker finds a broken invariant\n"
       "  notice                      any other notice\n",
       &Debugger::break_at, 'w'},
      {"tbreak", "tbreak ...", "as break, but stop once", "", &Debugger::break_once, 'w'},
      {"delete", "delete [NUMBER ...]", "take breaks away, or all", "", &Debugger::delete_breaks, ' '},
      {"info", "info breaks", "list the breaks", "", &Debugger::info, ' '},
      {"where", "where", "time, instructions, crossing, digests",
       "The digest of the state covers every part that decides what comes, the one of\n"
       "the memory all RAM. For a session it says whether the replay has diverged.\n",
       &Debugger::where, ' '},
      {"ring", "ring [NAME]", "a ring: indices, consumers, each slot",
       "Without a name it lists the rings. A slot is free, published (the backend has\n"
       "not taken it yet), taken, or answered (the frontend has not seen it yet).\n"
       "rsp_cons is the frontend's own and not shared: it is what rsp_event tells.\n",
       &Debugger::ring, 'r'},
      {"evtchn", "evtchn [DOMAIN]", "event channels: state, pending, masked", "", &Debugger::evtchn, ' '},
      {"grants", "grants [DOMAIN]", "grants: entries, who maps them", "", &Debugger::grants, ' '},
      {"xenstore", "xenstore [PATH]", "the tree below a path, with values", "", &Debugger::xenstore, ' '},
      {"9p", "9p [NAME]", "a 9P share: fids with paths, tags in flight", "", &Debugger::nine_p, 'r'},
      {"devices", "devices [NAME]", "all parts with their digests, or one's state", "", &Debugger::devices,
       ' '},
      {"regs", "regs [DOMAIN]", "the registers", "", &Debugger::regs, ' '},
      {"disas", "disas [ADDRESS [N]]", "instructions, from RIP on or from an address", "", &Debugger::disas,
       ' '},
      {"mem", "mem [phys:]ADDRESS [LENGTH]", "memory, by the guest's address or the bus's",
       "Addresses are hexadecimal.\n", &Debugger::mem, ' '},
      {"bt", "bt [DOMAIN]", "return addresses on the stack",
       "By frame pointers where the guest keeps them, else by what on the stack looks\n"
       "like one.\n",
       &Debugger::bt, ' '},
      {"fault", "fault [NAME:] PLACE ACTION", "a fault from now on (docs/faults.md)",
       "For example: fault ring/xvda/response@1 fail(-5)\n"
       "It is an input: a saved session has it, and `back` and on gives it again.\n",
       &Debugger::fault, 'w'},
      {"type", "type TEXT", "type at the first domain's console, with Return",
       "\\n \\r \\t \\e \\\\ are known; \\c at the end leaves Return out.\n", &Debugger::type, ' '},
      {"save", "save FILE", "write a session: all from the start to here",
       "The machine is run again for it, with all input, and recorded.\n", &Debugger::save, ' '},
      {"wires", "wires [GLOB]", "list the wires", "", &Debugger::wires, 'w'},
      {"help", "help [COMMAND]", "this, or more about a command", "", &Debugger::help, 'c'},
      {"quit", "quit", "end the machine and leave", "", &Debugger::quit, ' '},
  };
  return kCommands;
}

Result<> Debugger::help(const Words& words, std::string_view) {
  if (words.empty()) {
    for (const Command& command : commands()) print(fmt::format("{:9} {}", command.name, command.title));
    print("A command may be cut short where one only begins so. An empty line does nothing.");
    return {};
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    names.emplace_back(command.name);
    if (command.name != words[0]) continue;
    print(fmt::format("{}\n  {}", command.usage, command.title));
    std::string_view details = command.details;
    while (!details.empty()) {
      const size_t end = details.find('\n');
      print(details.substr(0, end));
      details.remove_prefix(end + 1);
    }
    return {};
  }
  return fail(
      fmt::format("there is no command '{}'{}", words[0], did_you_mean(near_names(words[0], names, 3))));
}

}  // namespace ringside
