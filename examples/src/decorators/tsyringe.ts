/**
 * An accounts service whose handlers are methods of classes that tsyringe makes: a mailer with a repository and an SMTP client.
 * Runs on the in-memory transport; with KAFKA_BROKERS=host:port the same program runs on Kafka.
 */
import 'reflect-metadata' // before anything that imports tsyringe
import { createBus, defineEvent, defineRequest, type EventContext } from '@busbar/core'
import { deliveryContext, handles, registerHandlers, replies } from '@busbar/core/tsyringe'
import { container, inject, injectable, Lifecycle, scoped, singleton } from 'tsyringe'
import { eventually } from '../support/eventually.js'
import { printingLogger } from '../support/printing-logger.js'
import { exampleTransport } from '../support/transport.js'

interface User {
  readonly id: string
  readonly email: string
}

const UserCreated = defineEvent<User>('user.created', { key: user => user.id })
const GetUser = defineRequest<{ id: string }, User>('user.get')

@singleton()
class UserRepository {
  readonly #users = new Map<string, User>()

  save(user: User): void {
    this.#users.set(user.id, user)
  }

  find(id: string): User {
    const user = this.#users.get(id)
    if (!user) throw new Error(`there is no user ${id}`)
    return user
  }
}

@injectable()
class Accounts {
  constructor(private readonly users: UserRepository) {}

  @replies(GetUser)
  find({ id }: { id: string }): User {
    return this.users.find(id)
  }
}

@scoped(Lifecycle.ContainerScoped)
class Tenant {
  readonly name: string

  constructor(@inject(deliveryContext) context: EventContext) {
    this.name = context.headers.get('tenant') ?? 'nobody'
  }
}

interface Smtp {
  send(to: string, text: string): Promise<void>
}
const sent: string[] = []
const smtp: Smtp = {
  async send(to, text) {
    sent.push(to)
    console.log(`smtp     to ${to}: ${text}`)
  },
}

@injectable()
class Mailer {
  constructor(
    @inject('Smtp') private readonly smtp: Smtp,
    @inject(Tenant) private readonly tenant: Tenant,
  ) {}

  @handles(UserCreated, { group: 'mailer' })
  async welcome(user: User, context: EventContext<User>): Promise<void> {
    await this.smtp.send(user.email, `welcome to ${this.tenant.name} (attempt ${context.attempt})`)
  }
}

container.registerInstance('Smtp', smtp)

const bus = createBus({ name: 'accounts', transport: exampleTransport(), logger: printingLogger })
registerHandlers(bus, container, [Accounts, Mailer])
await bus.start() // fails if a class can't be resolved

const users = container.resolve(UserRepository)
for (const [id, name, tenant] of [
  ['1', 'ada', 'north'],
  ['2', 'grace', 'south'],
] as const) {
  const user = { id, email: `${name}@example.com` }
  users.save(user)
  await bus.publish(UserCreated, user, { headers: { tenant } })
}
await eventually(
  () => sent.length,
  count => count === 2,
)

const { email } = await bus.request(GetUser, { id: '2' })
console.log(`accounts user 2 is ${email}`)

await bus.close() // handlers end, then what they use
await container.dispose()
