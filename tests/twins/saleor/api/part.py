"""The part of Saleor's schema that the twin answers: fields by type, ``*`` for metadata.

Scalars, enums and inputs that these fields need come along whole. A field that is not here is
refused like any unknown field, so nothing is silently half-answered.
"""

METADATA = "metadata metafield metafields privateMetadata privateMetafield privateMetafields"

_EVENTS = (
    "OrderCreated OrderUpdated OrderConfirmed OrderPaid OrderFullyPaid OrderRefunded "
    "OrderFullyRefunded OrderCancelled OrderExpired OrderMetadataUpdated OrderFulfilled"
)

_TYPES = """
Query: app apps me shop webhook
Mutation: appActivate appCreate appDeactivate appDelete appProblemCreate appProblemDismiss
Mutation: appTokenCreate appTokenDelete appTokenVerify appUpdate
Mutation: deleteMetadata deletePrivateMetadata updateMetadata updatePrivateMetadata
Mutation: eventDeliveryRetry webhookCreate webhookDelete webhookDryRun webhookTrigger webhookUpdate
Mutation: tokenCreate tokenRefresh tokenVerify tokensDeactivateAll
Subscription: event

Node: id
ObjectWithMetadata: *
Event: issuedAt version issuingPrincipal recipient
CustomerCreated: issuedAt version issuingPrincipal recipient user
CustomerUpdated: issuedAt version issuingPrincipal recipient user
FulfillmentCreated: issuedAt version issuingPrincipal recipient fulfillment order notifyCustomer
FulfillmentCanceled: issuedAt version issuingPrincipal recipient fulfillment order
CheckoutCreated: issuedAt version issuingPrincipal recipient checkout
CheckoutUpdated: issuedAt version issuingPrincipal recipient checkout
CheckoutFullyPaid: issuedAt version issuingPrincipal recipient checkout

Shop: name description domain version schemaVersion
Shop: allowStorefrontTraffic passwordLoginMode useLegacyUpdateWebhookEmission
Domain: host sslEnabled url
App: id * identifier permissions created isActive name type tokens webhooks manifestUrl version
App: problems
Permission: code name
AppToken: id name authToken
AppProblem: id createdAt updatedAt count isCritical dismissed message key
AppProblemDismissed: by userEmail
AppCountableConnection: pageInfo edges totalCount
AppCountableEdge: node cursor
PageInfo: hasNextPage hasPreviousPage startCursor endCursor
MetadataItem: key value
Webhook: id name identifier syncEvents asyncEvents app eventDeliveries targetUrl isActive
Webhook: secretKey subscriptionQuery customHeaders
WebhookEventAsync: name eventType
WebhookEventSync: name eventType
EventDeliveryCountableConnection: pageInfo edges totalCount
EventDeliveryCountableEdge: node cursor
EventDelivery: id createdAt status eventType attempts payload
EventDeliveryAttemptCountableConnection: pageInfo edges totalCount
EventDeliveryAttemptCountableEdge: node cursor
EventDeliveryAttempt: id createdAt taskId duration response responseHeaders responseStatusCode
EventDeliveryAttempt: requestHeaders status

User: id * email firstName lastName isStaff isActive note userPermissions dateJoined
User: defaultBillingAddress defaultShippingAddress
UserPermission: code name
IssuingPrincipal: App User

CreateToken: token refreshToken csrfToken user errors
RefreshToken: token user errors
VerifyToken: user isValid payload errors
DeactivateAllUserTokens: errors
AccountError: field message code
AppCreate: authToken errors app
AppUpdate: errors app
AppDelete: errors app
AppActivate: errors app
AppDeactivate: errors app
AppTokenCreate: authToken errors appToken
AppTokenDelete: errors appToken
AppTokenVerify: valid errors
AppError: field message code permissions
AppProblemCreate: appProblem errors
AppProblemCreateError: field message code
AppProblemDismiss: errors
AppProblemDismissError: field message code
UpdateMetadata: errors item
UpdatePrivateMetadata: errors item
DeleteMetadata: errors item
DeletePrivateMetadata: errors item
MetadataError: field message code
WebhookCreate: errors webhook
WebhookUpdate: errors webhook
WebhookDelete: errors webhook
WebhookError: field message code
WebhookDryRun: payload errors
WebhookDryRunError: field message code
WebhookTrigger: delivery errors
WebhookTriggerError: field message code
EventDeliveryRetry: delivery errors

Order: id * created updatedAt status user trackingClientId billingAddress shippingAddress
Order: shippingMethodName collectionPointName channel fulfillments lines number origin isPaid
Order: paymentStatus authorizeStatus chargeStatus transactions payments total undiscountedTotal
Order: undiscountedShippingPrice shippingPrice shippingTaxRate voucherCode giftCards customerNote
Order: subtotal totalAuthorized totalCharged totalBalance userEmail languageCodeEnum discounts
Order: displayGrossPrices externalReference checkoutId grantedRefunds totalGrantedRefund
Order: totalRefunded
OrderLine: id * productName variantName productSku productVariantId quantity quantityFulfilled
OrderLine: taxRate thumbnail unitPrice undiscountedUnitPrice unitDiscount unitDiscountReason
OrderLine: unitDiscountType totalPrice undiscountedTotalPrice variant saleId voucherCode isGift
Money: currency amount
TaxedMoney: currency gross net tax
Channel: id * slug name isActive currencyCode taxConfiguration
TaxConfiguration: id pricesEnteredWithTax
Checkout: id * created updatedAt token user email channel lines totalPrice subtotalPrice
Checkout: shippingPrice voucherCode billingAddress shippingAddress discount
CheckoutLine: id * quantity variant totalPrice undiscountedTotalPrice unitPrice isGift
OrderDiscount: id type name reason amount total
GiftCard: id
Image: url alt
Address: firstName lastName companyName streetAddress1 streetAddress2 city cityArea postalCode
Address: country countryArea phone
CountryDisplay: code country
ProductVariant: id * name sku product
Product: id * name slug category productType attribute thumbnail
SelectedAttribute: values
AttributeValue: id name slug
Category: id * name slug
ProductType: id * name slug
Fulfillment: id * status trackingNumber lines fulfillmentOrder created totalRefundedAmount
FulfillmentLine: id quantity orderLine
TransactionItem: id * token createdAt refundedAmount chargedAmount name pspReference events
TransactionEvent: id createdAt pspReference message amount type
Payment: id * gateway isActive created chargeStatus total capturedAmount transactions
Transaction: id created kind isSuccess amount
OrderGrantedRefund: id createdAt updatedAt amount reason shippingCostsIncluded lines status
OrderGrantedRefund: transactionEvents
OrderGrantedRefundLine: id quantity orderLine reason
"""

NEWER = {
    (3, 21): ["OrderDiscount.total"],
    (3, 22): [
        "App.problems",
        "Mutation.appProblemCreate",
        "Mutation.appProblemDismiss",
        "Shop.useLegacyUpdateWebhookEmission",
    ],
    (3, 23): [
        "Webhook.identifier",
        "WebhookCreateInput.identifier",
        "WebhookUpdateInput.identifier",
        "Mutation.webhookDelete.identifier",
        "Mutation.webhookUpdate.identifier",
        "Shop.allowStorefrontTraffic",
        "Shop.passwordLoginMode",
    ],
}
"""Fields and arguments, by the version that brought them."""


def fields_by_type() -> dict[str, set[str]]:
    """Return the fields kept of each type; of a union, its members."""
    kept = dict[str, set[str]]()
    for line in _TYPES.splitlines():
        name, _, names = line.partition(": ")
        if name:
            kept.setdefault(name, set()).update(names.replace("*", METADATA).split())
    for name in _EVENTS.split():
        kept[name] = kept["Event"] | {"order"}
    return kept
