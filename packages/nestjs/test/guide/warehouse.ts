import { OnEvent } from '@busbar/nestjs'
import { Injectable } from '@nestjs/common'
import { Audited, OrderPlaced } from './contracts.js'

@Injectable()
export class Warehouse {
  readonly log: string[] = []

  @OnEvent(OrderPlaced)
  pack({ orderId }: { readonly orderId: string }): void {
    this.log.push(`packed ${orderId}`)
  }

  @OnEvent(Audited)
  audited(text: string): void {
    this.log.push(text)
  }
}
