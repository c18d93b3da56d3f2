/** Where broker processes come from: Java on this machine, or docker. */
export interface BrokerRuntime {
  readonly kind: 'docker' | 'java'
  /** The address listeners bind to: all interfaces inside a container, loopback otherwise. */
  readonly bindAddress: string
  /** Formats the storage of the node whose `server.properties` lies in `folder`. `args` go to Kafka's storage tool. */
  format(folder: string, args: readonly string[]): Promise<void>
  /** Starts the broker in the background, its output appended to `broker.log` in `folder`. */
  run(folder: string): Promise<BrokerProcess>
  /** Frees what the runtime holds besides its brokers. */
  release(): Promise<void>
}

/** One running broker. */
export interface BrokerProcess {
  /** The broker's process, or the docker client's that runs it. */
  readonly pid: number
  /** Settles once the process has ended, however that came. Never rejects. */
  readonly exited: Promise<void>
  /** SIGTERM asks for a clean stop, SIGKILL is a crash. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** What a start may ask of a runtime. */
export interface RuntimeOptions {
  /** The heap's limit in MiB. */
  readonly heapMb: number
  /** Leaves out the flags that start fast and run slowly: for benchmarks. */
  readonly fast: boolean
}
