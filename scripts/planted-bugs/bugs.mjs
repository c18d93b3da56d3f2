const core = 'core/dist/'
const memory = 'transport-memory/dist/'

/** Bugs as a careless change would make them: in each file, `search` (there exactly once) becomes `replace`. */
export const bugs = [
  {
    name: 'commits one record too far',
    changes: [
      {
        file: `${core}prefix-tracker.js`,
        search: 'return this.#slots[this.#head]?.position ?? this.#next',
        replace: 'return this.#slots[this.#head + 1]?.position ?? this.#next',
      },
    ],
  },
  {
    name: 'forgets that a key waits for a retry',
    changes: [
      {
        file: `${core}partition-session.js`,
        search: 'const held = this.#held.size === 0 ? undefined : this.#held.get(entry.laneKey)',
        replace: 'const held = undefined',
      },
    ],
  },
  {
    name: 'settles twice, and lets the second settlement count',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search: 'delivery.settle(outcome);',
        replace: "delivery.settle(outcome); delivery.settle({ kind: 'ack' });",
      },
      {
        file: `${core}partition-session.js`,
        search: 'if (this.#open !== delivery || this.#session.signal.aborted)',
        replace: 'if (this.#session.signal.aborted)',
      },
    ],
  },
  {
    name: 'drops what is unfinished on a revocation',
    changes: [
      {
        file: `${memory}prefix-committer.js`,
        search: 'position: session.committable }',
        replace: 'position: session.next }',
      },
    ],
  },
  {
    name: 'drops what is queued at a shutdown',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search: `            this.queued -= 1;
            delivery.settle(untried);`,
        replace: `            this.queued -= 1;
            delivery.settle({ kind: 'ack' });`,
      },
    ],
  },
  {
    name: 'acknowledges when the dead-letter write fails',
    changes: [
      {
        file: `${core}middleware/dead-letter.js`,
        search: "throw new BusbarError('DEAD_LETTER_FAILED', why, { cause: failure })",
        replace: "void new BusbarError('DEAD_LETTER_FAILED', why, { cause: failure })",
      },
    ],
  },
  {
    name: 'runs on with a key of which a record was handed back',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search:
          "if (outcome.kind === 'nack')\n                partition.handBackLane(lane);\n            else if",
        replace: 'if',
      },
    ],
  },
  {
    name: 'loses what stands behind a record that was handed back',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search: "if (outcome.kind === 'nack')\n                partition.handBackLane(lane);",
        replace: "if (outcome.kind === 'nack')\n                partition.lanes.delete(lane.key);",
      },
    ],
  },
  {
    name: 'brings back what was acknowledged past an unfinished record',
    changes: [
      {
        file: `${core}partition-session.js`,
        search: 'this.#tracker.finish(entry.slot);',
        replace:
          'this.#tracker.finish(entry.slot); if (this.#tracker.committable < entry.record.offset) this.#hold(entry, 10);',
      },
    ],
  },
  {
    name: 'gives a record that comes back to every subscription of its group',
    changes: [
      {
        file: `${core}subscription.js`,
        search: 'subscriptionOf(record) === this.name',
        replace: 'subscriptionOf(record) !== undefined',
      },
    ],
  },
  {
    name: 're-runs the neighbour of a handler that was handed back',
    changes: [
      {
        file: `${core}consume.js`,
        search: 'this.#finished.set(record, finished.add(subscription))',
        replace: 'void finished',
      },
    ],
  },
  {
    name: 'marks a key as completed before its handler ran',
    changes: [
      {
        file: `${core}middleware/idempotent.js`,
        search: 'const stopRenewing = renewing(',
        replace:
          'await complete(store, key, token, { ttlMs }, leaseMs, context); const stopRenewing = renewing(',
      },
      {
        file: `${core}middleware/idempotent.js`,
        search:
          'await complete(store, key, token, result ? { ttlMs, result } : { ttlMs }, leaseMs, context);',
        replace: 'void result;',
      },
    ],
  },
  {
    name: 'runs beside the holder of an idempotency claim',
    changes: [
      {
        file: `${core}middleware/idempotent.js`,
        search: "if (claimed.kind === 'claimed')\n            return claimed.token;",
        replace: "if (claimed.kind !== 'completed')\n            return claimed.token ?? 'none';",
      },
    ],
  },
  {
    name: 'runs records of one key side by side',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search: 'delivery.record.key === null ? delivery : laneKeyOf(delivery.record.key)',
        replace: 'delivery',
      },
    ],
  },
  {
    name: 'runs more than the concurrency allows',
    changes: [
      {
        file: `${core}lane-runner.js`,
        search: 'while (this.#active < this.#options.concurrency)',
        replace: 'while (this.#active <= this.#options.concurrency)',
      },
    ],
  },
  {
    name: 'fetches and delivers beyond the limit of a partition',
    changes: [
      {
        file: `${memory}held-partition.js`,
        search: 'maxInFlight - session.unfinished)',
        replace: 'maxInFlight)',
      },
      {
        file: `${core}partition-session.js`,
        search: 'let room = this.#options.maxInFlight - ',
        replace: 'let room = 2 * this.#options.maxInFlight - ',
      },
    ],
  },
  {
    name: 'gives a reply to the request that has waited longest',
    changes: [
      {
        file: `${core}reply-inbox.js`,
        search: "this.#waiting.get(Buffer.from(bytes).toString('latin1'))?.(record)",
        replace: '[...this.#waiting.values()][0]?.(record)',
      },
    ],
  },
  {
    name: 'forwards a delayed publish at once',
    changes: [
      { file: `${core}delays.js`, search: 'if (waitMs > 0)', replace: 'if (waitMs > 1e9)' },
      {
        file: `${core}delays.js`,
        search: 'if (dueAtMs > this.#options.runtime.now())',
        replace: 'if (dueAtMs < 0)',
      },
    ],
  },
  {
    name: 'handles a record of a retry topic before it is due',
    changes: [{ file: `${core}consume.js`, search: 'if (dueInMs > 0)', replace: 'if (dueInMs > 1e9)' }],
  },
  {
    name: 'starts a handler after the partition has moved away',
    changes: [
      {
        file: `${core}context.js`,
        search: 'const late = signals.find(signal => signal.aborted)',
        replace: 'const late = undefined',
      },
    ],
  },
  {
    name: 'leaves within a batch what stands behind a record that was handed back',
    changes: [
      { file: `${core}batch-runner.js`, search: 'ends[behind]?.abort(comesAgain)', replace: 'void behind' },
    ],
  },
  {
    name: 'marks a dead letter as replayed without sending it back',
    changes: [
      {
        file: `${core}dead-letters.js`,
        search: "if (kind === 'replayed')\n                    await this.#sendBack(letter);",
        replace: '',
      },
    ],
  },
  {
    name: 'reports a delivery twice',
    changes: [
      {
        file: `${core}consume.js`,
        search: 'if (remember)',
        replace:
          'this.#options.onDelivery?.({ ...describeDelivery(subscription, delivery, arrival), ...concluded }); if (remember)',
      },
    ],
  },
  {
    name: 'takes a lost commit for a successful one, and moves back later',
    changes: [
      {
        file: `${memory}prefix-committer.js`,
        search: 'else\n            this.later();',
        replace: 'for (const held of moved)\n            held.lastCommitted = held.session.committable;',
      },
    ],
  },
]
