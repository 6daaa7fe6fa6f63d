import { type Command, Option } from 'commander';

const GLOBAL = 'Global options:';

/** `--root` belongs to every command. */
export const rootOption = (command: Command): Command =>
  command.addOption(new Option('--root <dir>', 'prefix of all paths (WEFT_ROOT)').helpGroup(GLOBAL));

/** What every command that speaks with a server takes; `remote` ones can be sent to a controller elsewhere. */
export function sessionOptions(command: Command, remote: boolean): Command {
  command.addOption(new Option('--json', 'print JSON: the fields of the API, errors too').helpGroup(GLOBAL));
  rootOption(command);
  if (!remote) return command;
  command.addOption(
    new Option(
      '--controller <url>',
      'speak with this controller, not the local agent (WEFT_CONTROLLER)',
    ).helpGroup(GLOBAL),
  );
  return tlsOptions(command, GLOBAL);
}

export const tlsOptions = (command: Command, group?: string): Command => {
  const option = (flags: string, description: string) =>
    command.addOption(
      group ? new Option(flags, description).helpGroup(group) : new Option(flags, description),
    );
  option('--tls-cert <file>', 'own certificate, PEM, for https:// (WEFT_TLS_CERT)');
  option('--tls-key <file>', 'its key (WEFT_TLS_KEY)');
  option('--tls-ca <file>', 'who is trusted (WEFT_TLS_CA)');
  return command;
};

/** A command's options with those of the commands above it; what stands nearest wins. */
export const optionsOf = <T extends object>(command: Command): T => ({
  ...(command.parent && optionsOf<T>(command.parent)),
  ...command.opts<T>(),
});

/** For options that may be given several times. */
export const collect = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  text,
];

/** Examples under a command's help: what to type and, beside it or above where that is too long, what for. */
export const examples = (...lines: readonly (readonly [command: string, purpose: string])[]): string => {
  const width = Math.max(...lines.map(([command]) => command.length));
  const fits = lines.every(([, purpose]) => width + purpose.length < 90);
  const show = ([command, purpose]: readonly [string, string]) =>
    fits ? `  $ ${command.padEnd(width)}  # ${purpose}` : `  # ${purpose}\n  $ ${command}`;
  return `\nExamples:\n${lines.map(show).join('\n')}`;
};
