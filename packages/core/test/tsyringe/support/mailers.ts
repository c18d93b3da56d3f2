import { defineEvent, defineRequest, type EventContext } from '@busbar/core'
import { deliveryContext, handles, replies } from '@busbar/core/tsyringe'
import { inject, injectable } from 'tsyringe'

// Compiled by tsc as it stands, and by other compilers in a test: it imports packages alone.

export const Welcomed = defineEvent<{ readonly email: string }>('welcomed')
export const CountMails = defineRequest<{ readonly to: string }, { readonly count: number }>('mails.count')

@injectable()
export class Smtp {
  readonly sent: string[] = []
}

@injectable()
export class MailerByToken {
  constructor(
    @inject('Smtp') private readonly smtp: Smtp,
    @inject(deliveryContext) private readonly context: EventContext,
  ) {}

  @handles(Welcomed)
  async welcome({ email }: { email: string }): Promise<void> {
    this.smtp.sent.push(`${this.context.event} to ${email}`)
  }

  @replies(CountMails)
  count({ to }: { to: string }): { count: number } {
    return { count: this.smtp.sent.filter(each => each.endsWith(to)).length }
  }
}

@injectable()
export class MailerByType {
  constructor(private readonly smtp: Smtp) {}

  @handles(Welcomed)
  welcome({ email }: { email: string }): void {
    this.smtp.sent.push(`${Welcomed.name} to ${email}`)
  }
}

@injectable()
export class MailerByTypeAndToken {
  constructor(
    private readonly smtp: Smtp,
    @inject('From') private readonly from: string,
  ) {}

  @handles(Welcomed)
  welcome({ email }: { email: string }): void {
    this.smtp.sent.push(`${Welcomed.name} to ${email}, from ${this.from}`)
  }
}
