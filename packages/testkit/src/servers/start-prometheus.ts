import { cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { orSkip } from '../or-skip.js'
import { repositoryRoot } from '../repository-root.js'
import { type CommandResult, runCommand } from '../run-command.js'
import { ServerUnavailable } from '../server-unavailable.js'
import { firstAnswer } from './first-answer.js'
import type { RunningServer } from './running-server.js'
import { pulledByDocker, type ServerRecipe, startOwnServer } from './start-server.js'

const IMAGE = 'prom/prometheus:v2.53.5'
const VARIABLE = 'PROMETHEUS_HOME'
const ADVICE = `Set ${VARIABLE} to the folder of its binaries, start docker, or install prometheus.`

export interface PrometheusOptions {
  /** What to scrape, as `host:port`. */
  readonly targets: readonly string[]
  /** Rule files. Default: none. */
  readonly rules?: readonly string[]
  /** How often to scrape and to evaluate rules, in milliseconds. Default: 1,000. */
  readonly intervalMs?: number
}

/**
 * Starts a real Prometheus that scrapes what a test names, on a port and a data folder of its own: the binary in the folder that the environment
 * variable `PROMETHEUS_HOME` names, else docker, else `prometheus` on the path. It ends with this process at the latest.
 *
 * @throws ServerUnavailable when this machine has none of these, Error when it doesn't start.
 */
export function startPrometheus(options: PrometheusOptions): Promise<RunningServer> {
  return startOwnServer(recipeOf(options))
}

/** As {@link startPrometheus}; undefined, said aloud, where there is none: skip the file's tests. */
export function prometheusForTests(options: PrometheusOptions): Promise<RunningServer | undefined> {
  return orSkip(() => startPrometheus(options))
}

/**
 * Runs promtool in the top folder of the workspace, with a text as its standard input.
 *
 * @throws ServerUnavailable when this machine has none.
 */
export async function promtool(args: readonly string[], input = ''): Promise<CommandResult> {
  const cwd = repositoryRoot()
  const home = process.env[VARIABLE]
  const missing = home === undefined ? await pulledByDocker(IMAGE) : `${VARIABLE} is set`
  if (missing === undefined) {
    const run = ['run', '--rm', '--interactive', '--volume', `${cwd}:${cwd}:ro`, '--workdir', cwd]
    return runCommand('docker', [...run, '--entrypoint', 'promtool', IMAGE, ...args], { input, cwd })
  }
  const command = binary('promtool')
  if ((await runCommand(command, ['--version'])).code !== 0)
    throw new ServerUnavailable('promtool', [missing, 'no promtool'], ADVICE)
  return runCommand(command, args, { input, cwd })
}

/** As {@link promtool}; undefined, said aloud, where there is none: skip the file's tests. */
export function promtoolForTests(): Promise<typeof promtool | undefined> {
  return orSkip(async () => {
    await promtool(['--version'])
    return promtool
  })
}

function recipeOf({ targets, rules = [], intervalMs = 1_000 }: PrometheusOptions): ServerRecipe {
  const prepare = async (folder: string) => {
    await mkdir(join(folder, 'data'))
    await Promise.all(rules.map(path => cp(path, join(folder, basename(path)))))
    const config = {
      global: { scrape_interval: `${intervalMs}ms`, evaluation_interval: `${intervalMs}ms` },
      rule_files: rules.map(path => join(folder, basename(path))),
      scrape_configs: [{ job_name: 'busbar', static_configs: [{ targets }] }],
    }
    // JSON is YAML.
    await writeFile(join(folder, 'prometheus.yaml'), JSON.stringify(config))
  }
  const argsIn = (folder: string, port: number) => [
    `--config.file=${join(folder, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
  ]
  return {
    name: 'Prometheus',
    variable: VARIABLE,
    ...(process.env[VARIABLE] === undefined && {
      docker: {
        image: IMAGE,
        prepare,
        args: (folder: string, port: number) => [
          // Its own user may not read a folder of ours.
          ...['--user', `${process.getuid?.() ?? 0}`, '--volume', `${folder}:${folder}`, IMAGE],
          ...argsIn(folder, port),
        ],
      },
    }),
    install: 'prometheus',
    url: port => `http://127.0.0.1:${port}`,
    async local(folder, port) {
      const command = binary('prometheus')
      if ((await runCommand(command, ['--version'])).code !== 0) return 'no prometheus'
      await prepare(folder)
      return { command, args: argsIn(folder, port), end: 'kill -KILL "$1"' }
    },
    answers: async port => {
      const answer = await firstAnswer(port, Buffer.from('GET /-/ready HTTP/1.0\r\n\r\n'))
      return String(answer).includes(' 200 ')
    },
  }
}

function binary(name: string): string {
  const home = process.env[VARIABLE]
  return home === undefined ? name : join(home, name)
}
