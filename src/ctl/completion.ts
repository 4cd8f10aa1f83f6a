// Completion for shells: the names of commands, and scripts that ask for them.
import { usageError } from './ctl-error.ts';

const scripts: Readonly<Record<string, (tool: string) => string>> = {
  bash: (tool) => `_${identifier(tool)}() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(${tool} autocomplete "$word" 2>/dev/null)); fi
}
complete -o default -F _${identifier(tool)} ${tool}
`,
  zsh: (tool) => `#compdef ${tool}
_${identifier(tool)}() {
  if (( CURRENT == 2 )); then compadd -- $(${tool} autocomplete "\${words[2]}" 2>/dev/null); else _files; fi
}
compdef _${identifier(tool)} ${tool}
`,
  fish: (
    tool,
  ) => `complete -c ${tool} -n __fish_use_subcommand -f -a '(${tool} autocomplete (commandline -ct) 2>/dev/null)'
`,
};

const identifier = (tool: string) => tool.replaceAll('-', '_');

/** @throws CtlError 64 for a shell that there is no script for */
export function completionScript(shell: string, tool: string): string {
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (script) return script(tool);
  throw usageError(
    `there is completion for ${Object.keys(scripts).join(', ')}, not for '${shell}'`,
  );
}

export function completions(names: readonly string[], begun: string): string[] {
  return [...new Set(names.map((name) => name.split(' ')[0]!))]
    .filter((name) => name.startsWith(begun))
    .sort();
}
