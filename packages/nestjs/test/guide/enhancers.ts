import type { EventContext } from '@busbar/core'
import { OnEvent } from '@busbar/nestjs'
import {
  BadRequestException,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type PipeTransform,
  Scope,
  UseGuards,
  UsePipes,
} from '@nestjs/common'
import { REQUEST } from '@nestjs/core'
import { type User, UserCreated } from './contracts.js'

@Injectable()
class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.getType<string>() !== 'busbar') return true
    const { headers } = context.switchToRpc().getContext<EventContext>()
    return headers.get('tenant') === 'north'
  }
}

class WithEmail implements PipeTransform<User, User> {
  transform(user: User): User {
    if (!user.email.includes('@')) throw new BadRequestException('email must be an email')
    return user
  }
}

@Injectable()
@UseGuards(TenantGuard)
export class Newsletter {
  readonly readers: string[] = []

  @OnEvent(UserCreated, { group: 'newsletter' })
  @UsePipes(WithEmail)
  invite(user: User): void {
    this.readers.push(user.email)
  }
}

@Injectable()
export class Trail {
  readonly lines: string[] = []
}

@Injectable({ scope: Scope.REQUEST })
export class Audit {
  constructor(
    @Inject(REQUEST) private readonly event: EventContext<User>,
    private readonly trail: Trail,
  ) {}

  @OnEvent(UserCreated, { group: 'audit' })
  note(): void {
    this.trail.lines.push(`${this.event.event} ${this.event.payload.id}`)
  }
}
