// SIGTERM with 200 requests under way, many times over, on a broker of its own. Prints what came of it.
import { parseArgs } from 'node:util'
import { startKafka } from '@busbar/testkit'
import { lateRequests, type ShutdownResult, shutdownRun } from '../support/shutdown-run.js'
import { type Framework, workServers } from '../support/work-servers.js'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } })
const runs = Number(values.runs)
await using kafka = await startKafka()
const { brokers } = kafka
console.log(
  '| | runs | events | handlers at the signal | late requests accepted | finished before the end | handled again | end after, ms |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const framework of Object.keys(workServers) as Framework[]) {
  for (const hangs of [false, true]) {
    const results: ShutdownResult[] = []
    for (let run = 0; run < runs; run++) results.push(await shutdownRun({ brokers, framework, hangs }))
    const sum = (what: keyof ShutdownResult) => results.reduce((total, result) => total + result[what], 0)
    const times = results.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
    console.log(
      `| ${framework}${hangs ? ', a handler hangs' : ''} | ${runs} | ${sum('events')} | ${sum('running')} | ` +
        `${sum('acceptedLate')} of ${lateRequests * runs} | ${sum('finished')} | ${sum('again')} | ` +
        `${times[0]} to ${times.at(-1)}, median ${times[Math.floor(runs / 2)]} |`,
    )
  }
}
