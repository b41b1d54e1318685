//go:build plane

// Package plane keeps in go.mod what `go build` needs for the two programs.
package plane

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)
