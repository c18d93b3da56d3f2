import type { Bus, EventContext } from '@busbar/core'
import { InjectBus, OnEvent, Replies } from '@busbar/nestjs'
import { Body, Controller, Injectable, Post } from '@nestjs/common'
import { GetUser, NotFound, type User, UserCreated } from './contracts.js'

@Controller('users')
export class UsersController {
  constructor(@InjectBus() private readonly bus: Bus) {}

  @Post()
  async create(@Body() user: User): Promise<User> {
    await this.bus.publish(UserCreated, user)
    return user
  }
}

@Injectable()
export class Mailer {
  readonly sent: string[] = []

  @OnEvent(UserCreated, { group: 'mailer' })
  async welcome(user: User, { logger, signal }: EventContext<User>): Promise<void> {
    logger.info('sending a welcome')
    await this.send(user.email, signal)
  }

  private async send(email: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.sent.push(email)
  }
}

@Injectable()
export class Users {
  readonly #users = new Map<string, User>()

  @OnEvent(UserCreated)
  keep(user: User): void {
    this.#users.set(user.id, user)
  }

  @Replies(GetUser)
  get({ id }: { readonly id: string }): User {
    const user = this.#users.get(id)
    if (!user) throw new NotFound({ id })
    return user
  }
}
