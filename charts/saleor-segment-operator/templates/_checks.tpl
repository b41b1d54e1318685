{{/* A size such as 8Gi in bytes. */}}
{{- define "saleor-segment.bytes" -}}
{{- $unit := regexFind "[A-Z]i$" . -}}
{{- $factor := dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mul (trimSuffix $unit . | int64) (index $factor $unit | int64) -}}
{{- end -}}

{{/* A time span such as 1.5m in seconds. */}}
{{- define "saleor-segment.seconds" -}}
{{- $unit := regexFind "[smhd]$" . -}}
{{- mulf (trimSuffix $unit . | float64) (index (dict "s" 1 "m" 60 "h" 3600 "d" 86400) $unit) -}}
{{- end -}}

{{/* What a schema cannot say: each failure names the value and the remedy. */}}
{{- define "saleor-segment.checks" -}}
{{- if not .Values.webhook.publicUrl }}
{{- fail "webhook.publicUrl is missing: set the address under which Saleor reaches this release, as in --set webhook.publicUrl=https://events.example.com" }}
{{- end }}
{{- $path := (urlParse .Values.webhook.publicUrl).path | trimSuffix "/" }}
{{- if and $path .Values.ingress.enabled }}
{{- fail (printf "webhook.publicUrl has the path %s, which an Ingress cannot take off again: leave the path out, or set ingress.enabled=false and route it yourself" $path) }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: name the Gateway that the route attaches to, as in [{name: public, namespace: gateways}]" }}
{{- end }}
{{- if gt (int .Values.server.replicas) 1 }}
{{- fail (printf "server.replicas is %d: the journal is a file of one process, so set it to 1" (int .Values.server.replicas)) }}
{{- end }}
{{- with .Values.server }}
{{- $volume := include "saleor-segment.bytes" .persistence.size | int64 }}
{{- $held := add (include "saleor-segment.bytes" .settings.journalSize | int64) (include "saleor-segment.bytes" .settings.ballast | int64) }}
{{- if gt (mul $held 10) (mul $volume 9) }}
{{- fail (printf "server.persistence.size is %s, and nine tenths of it must hold server.settings.journalSize (%s) and ballast (%s), the rest is for the filesystem and the journal's log: ask for a larger volume or lower journalSize" .persistence.size .settings.journalSize .settings.ballast) }}
{{- end }}
{{- $delay := include "saleor-segment.seconds" .settings.shutdownDelay | float64 }}
{{- if gt (addf $delay 10) (float64 .terminationGracePeriodSeconds) }}
{{- fail (printf "server.terminationGracePeriodSeconds is %v, and must hold server.settings.shutdownDelay (%s) and 10 s to finish what is in flight and close the journal: raise it or lower shutdownDelay" .terminationGracePeriodSeconds .settings.shutdownDelay) }}
{{- end }}
{{- end }}
{{- end -}}
