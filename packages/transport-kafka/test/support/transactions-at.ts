import { silentLogger, systemRuntime } from '@busbar/core'
import { captureCluster } from '../../dist/cluster.js'
import { SocketRegistry } from '../../dist/socket-registry.js'
import { Transactions } from '../../dist/transaction/transactions.js'
import { kafkaAt } from '../kafka-harness.js'

/** The transactions of one process, without a subscription around them. */
export function transactionsAt(
  brokers: readonly string[],
  transactionTimeoutMs = 10_000,
): Promise<Transactions> {
  return Transactions.create({
    producer: {},
    transactionTimeoutMs,
    cluster: captureCluster(kafkaAt(brokers)),
    sockets: new SocketRegistry(),
    runtime: systemRuntime,
    logger: silentLogger,
  })
}
