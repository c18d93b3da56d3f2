export { type LevelStateOptions, levelState } from './level-state.js'
