import { kafkaForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import { shutdownRun } from './support/shutdown-run.js'
import { type Framework, workServers } from './support/work-servers.js'

const test = suite('SIGTERM with 200 requests under way, on Kafka')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  const { brokers } = kafka
  for (const framework of Object.keys(workServers) as Framework[]) {
    test(`${framework}: every accepted request is published and handled once, and the process ends with 0`, async () => {
      await shutdownRun({ brokers, framework, hangs: false })
    })

    // In CI two stand for three: Koa's server is closed by the same `listen` as Express's.
    if (process.env['CI'] && framework === 'koa') continue

    test(`${framework}: a handler that hangs is cut off in time, and its record goes to the next instance`, async () => {
      await shutdownRun({ brokers, framework, hangs: true })
    })
  }
}

test.run()
