# The rules for source files, run by scripts/check-sources over all of them; prints file:line: what is wrong.
# Plain POSIX awk, because a small Debian has mawk only.

BEGIN {
  lines_max = 500
  # What a folder may include of ours: a name ending in "/" is all below it, any other is one file.
  may["sim"] = "sim/"
  may["cpu"] = "cpu/ sim/"
  may["host"] = "host/ sim/"
  may["devices"] = "sim/ host/ devices/pci/"  # and its own folder: see own_device
  may["boot"] = "boot/ sim/"
  may["hv-model"] = "hv-model/ sim/ host/ boot/ cpu/cpu.h"
  may["checkers"] = "checkers/ hv-model/ devices/ host/ sim/"
  may["machine"] = "machine/ checkers/ hv-model/ devices/ boot/ host/ cpu/ sim/"
  # machine/hosted/ implements what drivers see of a machine (include/ringside/hosted.h).
  may["machine"] = may["machine"] " ringside/"
  may["campaign"] = "campaign/ " may["machine"]
  may["control"] = "control/ " may["machine"]
  may["testkit"] = "testkit/ campaign/ control/ " may["machine"]
  # What users see includes nothing of the house.
  may["include"] = "ringside/"
  may["cli"] = "cli/ testkit/ campaign/ control/ " may["machine"]
  may["viewer"] = "viewer/ control/ " may["machine"]
  may["wireshark"] = "wireshark/ " may["machine"]
  may["tests"] = "tests/ testkit/ cli/ campaign/ control/ viewer/ wireshark/ guest/ " may["machine"]
  may["bench"] = "bench/ testkit/ campaign/ control/ viewer/ tests/ guest/ " may["machine"]
  may["fuzz"] = "fuzz/ tests/ testkit/ viewer/ " may["machine"]
  # guest/, scenarios/ and examples/ hold guest code, which uses nothing of the simulator.

  # Third parties, by the start of the header's name, and the files (a regular expression) that may use them.
  confined["unicorn/"] = "^cpu/unicorn_[a-z_]*[.](cpp|h)$|^bench/"
  confined["capstone/"] = "^cpu/disassembler[.]cpp$"
  confined["systemc"] = "^sim/systemc/|^include/ringside/systemc[.]h$|_shell[.](cpp|h)$|^tests/guest/foreign_models[.]"
  confined["tlm"] = confined["systemc"]
  confined["toml"] = "^machine/"
  confined["xen/"] = "^(hv-model|boot|guest|scenarios|tests|bench|examples)/|^cpu/unicorn_"
  confined["CLI/"] = "^cli/|^viewer/window/"
  confined["histedit"] = "^cli/line_editor[.]cpp$"
  confined["SDL"] = "^viewer/window/"
  confined["imgui"] = "^viewer/window/"
  confined["png"] = "^viewer/window/"
  confined["benchmark/"] = "^bench/"
  confined["catch2/"] = "^tests/|^include/ringside/catch(_relay)?[.]h$"
  confined["boost/"] = "^machine/hosted/"
}

function wrong(what) {
  printf "%s:%d: %s\n", file, FNR, what
  failures++
}

function starts_with(text, start) { return substr(text, 1, length(start)) == start }

function check_ours(name,    allowed, count, i, parts, own_device) {
  if (!(folder in may)) return
  split(name, parts, "/")
  if (!(parts[1] in may) && parts[1] != "guest" && parts[1] != "ringside") {
    wrong("include \"" name "\" is not written from the project's root")
    return
  }
  if (folder == "devices" && parts[1] == "devices") {
    # devices/x.h is common to all devices; devices/uart/x.h is for devices/uart alone.
    own_device = file
    sub("[^/]*$", "", own_device)
    if (name ~ /^devices\/[^\/]*$/ || starts_with(name, "devices/pci/") || starts_with(name, own_device)) return
    wrong("one device may not include another's \"" name "\"")
    return
  }
  count = split(may[folder], allowed, " ")
  for (i = 1; i <= count; i++) {
    if (allowed[i] == name || (allowed[i] ~ /\/$/ && starts_with(name, allowed[i]))) return
  }
  wrong(folder "/ may not include \"" name "\"")
}

function check_third_party(name,    start) {
  for (start in confined) {
    if (starts_with(name, start) && file !~ confined[start]) {
      wrong("<" name "> may not be included here (only in " confined[start] ")")
    }
  }
}

function end_of_file() {
  if (file == "") return
  if (is_code && lines > lines_max) {
    printf "%s:%d: longer than %d lines: it probably holds two ideas\n", file, lines, lines_max
    failures++
  }
  if (file ~ /[.]h$/ && is_code && folder in may && !guarded) {
    printf "%s:1: a header without '#pragma once'\n", file
    failures++
  }
}

FNR == 1 {
  end_of_file()
  file = FILENAME
  sub("^[.]/", "", file)
  folder = file
  sub("/.*", "", folder)
  is_code = file ~ /[.](cpp|h|c|S)$/
  guarded = 0
  files++
  if (file ~ /(^|\/|_)(util|utils|helper|helpers|mgr|ctx|misc)[._\/]/) wrong("the name says nothing about what is in it")
}
{ lines = FNR }
/[^ -~\t]/ { wrong("a character that is not ASCII, or a carriage return") }
/[ \t]$/ { wrong("a blank at the end of the line") }
is_code && !/^[^\t]*$/ && file !~ /[.]S$/ { wrong("a tab") }
# The words are taken apart here so that this file keeps to its own rule.
/(^|[^A-Za-z_])(TO[D]O|FIX[M]E|XX[X])([^A-Za-z_]|$)/ { wrong("unfinished work: do it, or open an issue") }
/^#pragma once$/ { guarded = 1 }
is_code && /^[ \t]*#[ \t]*include[ \t]/ {
  name = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
  quoted = substr(name, 1, 1) == "\""
  name = substr(name, 2)
  sub(/[>"].*/, "", name)
  if (quoted) check_ours(name); else check_third_party(name)
}

END {
  end_of_file()
  if (files == 0) {
    print "no source files found"
    exit 2
  }
  if (failures) {
    printf "%d breaches of the rules in %d source files\n", failures, files
    exit 1
  }
  printf "%d source files keep to the rules\n", files
}
