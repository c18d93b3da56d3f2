/** Readings become alarms, exactly once: an alarm and the position behind its reading are stored together. */
import { type Bus, defineEvent } from '@busbar/core'
import { BUS, BusbarModule, InjectBus, OnEvent } from '@busbar/nestjs'
import { Injectable, Module, type OnModuleInit } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { filter, map } from 'rxjs'
import { print, printed } from '../../../support/sorted-output.js'
import { exampleTransport } from '../../../support/transport.js'

interface Reading {
  readonly sensor: string
  readonly celsius: number
}
interface Alarm {
  readonly sensor: string
  readonly text: string
}
const ReadingTaken = defineEvent<Reading>('reading', { key: reading => reading.sensor })
const AlarmRaised = defineEvent<Alarm>('alarm', { key: alarm => alarm.sensor })

@Injectable()
class Alarms implements OnModuleInit {
  constructor(@InjectBus() private readonly bus: Bus) {}

  onModuleInit(): void {
    this.bus.pipe(
      ReadingTaken,
      { group: 'alarms', exactlyOnce: true },
      reading$ =>
        reading$.pipe(
          filter(({ celsius }) => celsius > 200),
          map(({ sensor, celsius }) => ({ sensor, text: `${celsius.toFixed(1)} °C is too hot` })),
        ),
      AlarmRaised,
    )
  }
}

@Injectable()
class Pager {
  @OnEvent(AlarmRaised, { group: 'pager' })
  page({ sensor, text }: Alarm): void {
    print(`${sensor}: ${text}`)
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'monitor', transport: exampleTransport() })],
  providers: [Alarms, Pager],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const bus = app.get<Bus>(BUS)
for (const celsius of [99, 210, 150, 230.5]) await bus.publish(ReadingTaken, { sensor: 'boiler', celsius })
await printed(2)
await app.close()
