module yanma.dev/yanma

go 1.26
