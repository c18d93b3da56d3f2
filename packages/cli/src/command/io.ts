/** What a command sees of the process that runs it. */
export interface Io {
  /** Results. */
  out(text: string): void
  /** What is wrong, and what was done. */
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** 0: fine; 1: a contract is incompatible, or not pushed where it has to be; 2: wrong use, or something around it is missing. */
export type ExitCode = 0 | 1 | 2

export interface Command {
  /** As it is typed after `busbar`. */
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  readonly help: string
  run(args: readonly string[], io: Io): Promise<ExitCode>
}
