import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { eventLogContract } from '../contract/event-log.contract.js'

eventLogContract('MemoryEventLog', async () => new MemoryEventLog())
