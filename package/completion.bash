# Completion of `ringside` for bash.
_ringside() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=ringside words=
@OPTIONS@
  [[ $COMP_CWORD -gt 1 && -n ${options[${COMP_WORDS[1]}]-} ]] && command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [[ $word == -* || $command == ringside ]]; then
    words=${options[$command]}
  elif [[ $before == --scenario || $before == --program ]]; then
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
    return
  elif [[ $command == run || $command == campaign || $command == faults ]] && [[ $before != -* ]]; then
    # Scenarios by name, or a folder.
    words=$("${COMP_WORDS[0]}" scenarios 2>/dev/null | sed -n 's/^\([a-z0-9-]\{1,\}\)  .*/\1/p')
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  # Sessions, and whatever an option names.
  [[ ${#COMPREPLY[@]} -gt 0 || $word == -* ]] || compopt -o default
}
complete -F _ringside ringside
