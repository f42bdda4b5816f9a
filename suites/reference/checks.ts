export { expectOnlyPort, expectOnlyStackProcesses, expectSameTools, sandboxListeners } from '../../helpers/stack-checks.ts'
