"""Why a condition is as it is, and what an announcement is about: every word we use for it."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason in a condition, an announcement or an error, with what to do about it."""

    # All is well.

    RECONCILED = "Reconciled"
    """Saleor, the Pipeline and the servers are as the spec asks. Nothing to do."""
    CREDENTIALS_ACCEPTED = "CredentialsAccepted"
    """Saleor accepted the login or the token. Nothing to do."""
    APP_REGISTERED = "AppRegistered"
    """The app exists in Saleor, active, with the permissions its events need. Nothing to do."""
    PIPELINE_HELD = "PipelineHeld"
    """Every ready server holds the Pipeline. Nothing to do."""
    WEBHOOKS_ENABLED = "WebhooksEnabled"
    """Every event has its enabled webhook in Saleor. Nothing to do."""
    WRITE_KEY_ACCEPTED = "WriteKeyAccepted"
    """Segment knows the write key. Nothing to do."""
    WRITE_KEY_ROTATED = "WriteKeyRotated"
    """The Secret holds another write key, and events are sent with it. Nothing to do."""
    SENDING = "Sending"
    """Segment accepts what is sent, or nothing waits. Nothing to do."""
    DELIVERY_RECEIVED = "DeliveryReceived"
    """A delivery of Saleor came through the public URL. Nothing to do."""
    NOTHING_MISSING = "NothingMissing"
    """All that Saleor gave up came back, as far as Saleor still keeps it. Nothing to do."""
    RECOVERED = "Recovered"
    """Deliveries that Saleor had given up, as while no server ran, were brought back and are sent
    like any other. Nothing to do."""
    NOT_SUSPENDED = "NotSuspended"
    """``spec.suspend`` is false. Nothing to do."""

    # Under way.

    WAITING = "Waiting"
    """An earlier step is not done: see the condition the message names."""
    CREATING = "Creating"
    """The step is being done. Wait a few seconds."""
    CREATE_PENDING = "CreatePending"
    """A run was interrupted while it created the app, so Saleor is searched for a minute before
    another is made. Wait."""
    PIPELINE_PENDING = "PipelinePending"
    """Not every ready server holds the Pipeline yet. Wait a few seconds; if it stays, read the
    servers' logs."""
    NOTHING_RECEIVED = "NothingReceived"
    """No delivery has come yet. Place an order; if it stays, check that Saleor reaches the public
    URL and that no redirect, firewall or SSRF filter is in between."""
    RESENDING = "Resending"
    """Saleor sends deliveries again that it had given up, signed anew: the shop's key had changed.
    Wait up to six minutes."""
    RECOVERY_HINDERED = "RecoveryHindered"
    """What Saleor gave up cannot be brought back now: the message says why. It is tried again by
    itself, and Saleor keeps it for 14 days."""
    DELETING = "Deleting"
    """The integration is being deleted: the message says what it waits for."""

    # The user asked for it.

    SUSPENDED = "Suspended"
    """``spec.suspend`` is true. Set it to false to go on."""

    # The spec.

    INVALID_SPEC = "InvalidSpec"
    """The spec breaks a rule: mend the field the message names."""

    # Secrets.

    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason
    """The Secret does not exist: create it in the integration's namespace."""
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105 - a reason
    """The Secret lacks the key: add it, or name another in the spec."""
    SECRET_VALUE_INVALID = "SecretValueInvalid"  # noqa: S105 - a reason
    """The value under the key is blank or no text: store the right one."""

    # Saleor.

    CREDENTIALS_REJECTED = "CredentialsRejected"
    """Saleor refused email or password: mend the Secret. Nothing is tried before it changes, since
    Saleor slows logins down after each failure."""
    LOGIN_THROTTLED = "LoginThrottled"
    """Saleor asks to wait before another login: too many failed. It is tried again by itself, when
    the message says."""
    LOGIN_DISABLED = "LoginDisabled"
    """Saleor's site settings forbid password login of staff: allow it, or use ``existing``."""
    TOKEN_REJECTED = "TokenRejected"  # noqa: S105 - a reason
    """Saleor does not know the app token, or its app is not active: store a token of an active
    app, or activate the app in the dashboard."""
    PERMISSION_MISSING = "PermissionMissing"
    """The staff user or the app lacks a permission the message names: grant it in Saleor."""
    SALEOR_UNREACHABLE = "SaleorUnreachable"
    """Saleor does not answer at ``spec.saleor.apiUrl``. It is tried again by itself; check address,
    DNS and network policies if it stays."""
    SALEOR_BUSY = "SaleorBusy"
    """Saleor or its gateway answered with an error that may pass. It is tried again by itself."""
    NOT_SALEOR = "NotSaleor"
    """What answers at ``spec.saleor.apiUrl`` is no Saleor GraphQL API: mend the address."""
    ADDRESS_REFUSED = "AddressRefused"
    """The address is of a kind this installation does not call (loopback, link-local, metadata):
    use another, or the flag the message names."""
    SALEOR_REFUSED = "SaleorRefused"
    """Saleor refused a request of ours for the reason in the message."""
    SALEOR_TOO_OLD = "SaleorTooOld"
    """Saleor is older than 3.20: upgrade it."""

    # The app.

    APP_DEACTIVATED = "AppDeactivated"
    """Somebody deactivated the app in Saleor: activate it there, or delete it and a new one is
    made."""
    APP_GONE = "AppGone"
    """The app was deleted in Saleor; a managed one is made again."""
    APP_ADOPTED = "AppAdopted"
    """An app that a former integration of this name left behind is used again."""
    APP_CREATED = "AppCreated"
    """An app was created in Saleor."""
    APP_TOKEN_CREATED = "AppTokenCreated"  # noqa: S105 - a reason
    """The app's token was lost, and a new one made."""
    PERMISSIONS_GRANTED = "PermissionsGranted"
    """The app lacked permissions that its events need, and was given them."""
    OWNED_BY_ANOTHER = "OwnedByAnother"
    """The app in Saleor belongs to another living integration: delete that one or rename this."""
    KEPT_BY_ANOTHER = "KeptByAnother"
    """Another installation keeps this integration, and this one leaves it alone: let only one watch
    its namespace. If the other is gone, take the finalizer off as the message says."""
    NOT_WATCHED = "NotWatched"
    """This installation keeps the integration and no longer watches its namespace, so that changes
    are not heeded: add the namespace to ``watchNamespaces`` again, or delete the integration."""
    NOT_KEPT = "NotKept"
    """The operator that kept the integration was uninstalled, and let it go: install one again, or
    delete the integration. What it made in Saleor may still be there."""

    # Webhooks.

    DRIFT_CORRECTED = "DriftCorrected"
    """A webhook had been changed by hand and was put right; the message says what had drifted."""
    WEBHOOKS_INCOMPLETE = "WebhooksIncomplete"
    """Webhooks are missing, different or disabled and are being put right. Wait."""
    WEBHOOK_REFUSED = "WebhookRefused"
    """Saleor refused a webhook: the message says why; the installation's public URL may be bad."""
    PUBLIC_URL_MISMATCH = "PublicUrlMismatch"
    """The shop gives itself another address than ``spec.saleor.publicUrl``, so none of its
    deliveries would be accepted: make the integration anew with the right one, or set the shop's
    PUBLIC_URL."""
    KEYS_UNREADABLE = "KeysUnreadable"
    """The shop's public keys could never be read, so none of its deliveries could be checked. It is
    tried again by itself; let the operator through to the address the message names."""

    DELIVERIES_MISSING = "DeliveriesMissing"
    """Deliveries that Saleor gave up could not be brought back: the message says why and what can
    be done."""

    # Servers and stores.

    SERVERS_UNREACHABLE = "ServersUnreachable"
    """A server does not answer on its private API: it is unknown what it holds. Events flow."""
    SERVERS_BUSY = "ServersBusy"
    """A server takes no delivery now: its disk or the shop's quota is full, or it is going down. It
    is tried again by itself; see the server's log ``journal_full`` if it stays."""
    STORE_UNAVAILABLE = "StoreUnavailable"
    """Our own state cannot be read or written now. It is tried again by itself."""
    STORE_REFUSED = "StoreRefused"
    """Our own state cannot be written: the message names the right or the space that is missing."""

    # Segment.

    WRITE_KEY_UNKNOWN = "WriteKeyUnknown"
    """Segment does not know the write key: store the source's key, in the right region. Events are
    kept meanwhile."""
    WRITE_KEY_UNVERIFIED = "WriteKeyUnverified"
    """Segment could not be asked about the write key, or is not asked at this endpoint. It is used
    as it is."""
    REGION_MISMATCH = "RegionMismatch"
    """The write key's workspace lives in another region than ``spec.segment`` says: change it."""
    ENDPOINT_NOT_ALLOWED = "EndpointNotAllowed"
    """The installation does not send to the host in ``spec.segment.endpoint``: name another, or
    have it allowed. Events are kept meanwhile."""
    PARKED = "Parked"
    """Segment refuses what is sent: the message says how. Events are kept until key or spec
    change."""
    SEGMENT_UNAVAILABLE = "SegmentUnavailable"
    """Segment does not answer, or asks to wait. Events are kept and tried again by themselves."""
    DEAD_LETTERED = "DeadLettered"
    """Events could not be sent and are kept as dead letters: the private port of the server tells
    why. Nothing sends them again by itself."""
    PAUSED = "Paused"
    """Nothing is sent while suspended or without a valid write key. Events are kept."""

    # Deleting.

    ORPHANED = "Orphaned"
    """The integration was let go although Saleor could not be cleaned up: delete the app or the
    webhooks the message names by hand."""
    BURIED = "Buried"
    """Events that could not be sent before the deletion ended became dead letters."""
    RELEASED = "Released"
    """The integration was let go at once, as its annotation asked."""

    # Ours.

    INTERNAL_ERROR = "InternalError"
    """A bug of ours: it is tried again by itself. Report it with the log line it names."""
