import { fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';
import type { World } from '../world.ts';

/**
 * Each shell asks `weft __complete -- WORD…` with the words up to the cursor and reads `value<Tab>description` lines;
 * the single line `:files` leaves it to the shell's own file completion.
 */
const BASH = `# bash completion for weft
_weft() {
  local rest=$COMP_LINE part line cur
  local -a words
  COMPREPLY=()
  # Bash ends a word at ":" and "=", too, as in https://10.0.0.1:7470.
  for part in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ \${#words[@]} == 0 || $rest == [[:space:]]* ]]; then words+=("$part"); else words[-1]+=$part; fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$part"}
  done
  cur=\${words[-1]}
  # Of a word like --mode=static it replaces what comes after the "=" alone.
  part=\${COMP_WORDS[COMP_CWORD]}
  part=\${cur%"\${part#=}"}
  while IFS= read -r line; do
    if [[ $line == ':files' ]]; then
      compopt -o default 2>/dev/null
      return
    fi
    line=\${line%%$'\\t'*}
    [[ $line == "$cur"* ]] && COMPREPLY+=("\${line#"$part"}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _weft weft
`;

const ZSH = `#compdef weft
_weft() {
  local line
  local -a values
  while IFS= read -r line; do
    if [[ $line == ':files' ]]; then
      _files
      return
    fi
    values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe -V 'weft' values
}
if [[ $funcstack[1] == _weft ]]; then
  _weft "$@"
else
  compdef _weft weft
fi
`;

const FISH = `# fish completion for weft
function __weft_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l lines ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test "$lines" = ':files'
    __fish_complete_path (commandline -ct)
  else
    string join \\n -- $lines
  end
end
complete -c weft -f -a '(__weft_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
export const SHELLS = Object.keys(SCRIPTS);

export function printScript(world: World, shell: string): void {
  const script = SCRIPTS[shell];
  if (!script)
    throw faultError('usage', fault('shell', shell, 'has no completion', `use one of ${SHELLS.join(', ')}`));
  world.stdout.write(script);
}
