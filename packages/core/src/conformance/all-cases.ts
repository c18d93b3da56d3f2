import { batchCases } from './cases/batches.js'
import { closingCases } from './cases/closing.js'
import { drainingCases } from './cases/draining.js'
import { failureCases } from './cases/failures.js'
import { flowCases } from './cases/flow.js'
import { loadCases } from './cases/load.js'
import { messageCases } from './cases/messages.js'
import { positionCases } from './cases/positions.js'
import { publishSubscribeCases } from './cases/publish-subscribe.js'
import { readingCases } from './cases/reading.js'
import { rebalanceCases } from './cases/rebalances.js'
import { requestCases } from './cases/requests.js'
import { responderCases } from './cases/responders.js'
import { sendingCases } from './cases/sending.js'
import { settlementCases } from './cases/settlement.js'
import { topicCases } from './cases/topics.js'
import { transactionFaultCases } from './cases/transaction-faults.js'
import { transactionCases } from './cases/transactions.js'
import type { ConformanceCase } from './conformance-case.js'

/** Every conformance case. The first ones need the least of a transport: whoever writes one works downwards. */
export const allCases: readonly ConformanceCase[] = [
  ...topicCases,
  ...sendingCases,
  ...messageCases,
  ...settlementCases,
  ...positionCases,
  ...flowCases,
  ...rebalanceCases,
  ...readingCases,
  ...transactionCases,
  ...transactionFaultCases,
  ...publishSubscribeCases,
  ...failureCases,
  ...batchCases,
  ...closingCases,
  ...drainingCases,
  ...requestCases,
  ...responderCases,
  ...loadCases,
]
