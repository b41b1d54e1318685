//go:build plane

// Package plane keeps in go.mod what `go build` needs for etcd.
package plane

import _ "go.etcd.io/etcd/server/v3/etcdmain"
