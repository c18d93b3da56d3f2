/** A server that answers. */
export interface RunningServer extends AsyncDisposable {
  /** Where it runs, `env` being one that was there already. */
  readonly source: 'env' | 'docker' | 'local'
  /** How its clients reach it, as the usual clients take it. */
  readonly url: string
  /** Its process (the docker client's in docker; 0 for `env`). */
  readonly pid: number
  /** The folder with its data and log, removed by `stop`; empty for `env`. */
  readonly folder: string
  /** Ends it at once and removes its data; does nothing for `env`. */
  stop(): Promise<void>
}

/** A process that runs a server, whichever way. */
export interface ServerProcess {
  readonly pid: number
  /** Resolves when it has ended. */
  readonly exited: Promise<void>
  /** Ends it at once. */
  end(): Promise<void>
}
