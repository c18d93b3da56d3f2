import { runCommand } from '../run-command.js'
import { firstAnswer } from './first-answer.js'
import type { RunningServer } from './running-server.js'
import { type ServerRecipe, startServer } from './start-server.js'

const IMAGE = 'redis:7-alpine'

const recipe: ServerRecipe = {
  name: 'Redis',
  variable: 'REDIS_URL',
  docker: { image: IMAGE, port: 6379, args: [IMAGE, 'redis-server', '--save', '', '--appendonly', 'no'] },
  install: 'redis-server',
  url: port => `redis://127.0.0.1:${port}`,
  async local(folder, port) {
    if ((await runCommand('redis-server', ['--version'])).code !== 0) return 'no redis-server'
    const listen = ['--port', String(port), '--bind', '127.0.0.1']
    return {
      command: 'redis-server',
      args: [...listen, '--save', '', '--appendonly', 'no', '--dir', folder],
      end: 'kill -KILL "$1"',
    }
  },
  answers: async port => String(await firstAnswer(port, Buffer.from('PING\r\n'))).startsWith('+PONG'),
}

/**
 * Starts a real Redis for tests, in memory only: what the environment variable `REDIS_URL` names, else docker, else
 * `redis-server`. It ends with this process at the latest.
 *
 * @throws ServerUnavailable when this machine has none of these, Error when it doesn't start.
 */
export function startRedis(): Promise<RunningServer> {
  return startServer(recipe)
}
