using Microsoft.Extensions.Options;

namespace DistributedSockets;

[OptionsValidator]
internal sealed partial class DistributedWebSocketsOptionsValidator : IValidateOptions<DistributedWebSocketsOptions>;
