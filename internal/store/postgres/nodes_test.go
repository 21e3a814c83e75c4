package postgres

const secondNodeEnv = "YANMA_TEST_SECOND_NODE"

func secondNode(string) int { return 0 }
