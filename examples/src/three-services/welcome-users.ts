import { type Bus, retry } from '@busbar/core'
import { type Outbox, postgresClient, transactional } from '@busbar/store-postgres'
import type { Pool } from 'pg'
import { UserCreated, WelcomeSent } from './contracts.js'
import type { MailServer } from './mail-server.js'

interface Surroundings {
  readonly pool: Pool
  readonly outbox: Outbox
  readonly mailServer: MailServer
}

/** Welcomes each new user by mail; one whose mail can't be sent in three attempts becomes a dead letter. */
export function welcomeUsers(bus: Bus, { pool, outbox, mailServer }: Surroundings): void {
  bus.subscribe(
    UserCreated,
    { use: [retry({ attempts: 3, delayMs: 200 }), transactional(pool)] },
    async (user, context) => {
      // Row, event and the mark that this was handled are committed together, or none of them is.
      const client = context.values.get(postgresClient)
      await client.query('insert into welcomes (user_id) values ($1)', [user.id])
      // When the process dies before the commit, the mail is sent again: by its id the mail server knows it.
      await mailServer.send({ id: context.id, to: user.email, subject: 'Welcome' }, context.signal)
      await outbox.publish(client, WelcomeSent, { userId: user.id })
      context.logger.info({ mail: 'welcome' }, 'mail sent')
    },
  )
}
