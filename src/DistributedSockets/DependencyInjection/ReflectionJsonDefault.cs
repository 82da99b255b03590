using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Gives the JSON settings the reflection-based resolver, behind those of the app, where reflection is on.</summary>
internal sealed class ReflectionJsonDefault : IPostConfigureOptions<DistributedWebSocketsJsonOptions>
{
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Used only where reflection-based serialization is on; trimmed apps have it off.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Used only where reflection-based serialization is on; AOT-compiled apps have it off.")]
    public void PostConfigure(string? name, DistributedWebSocketsJsonOptions options)
    {
        if (JsonSerializer.IsReflectionEnabledByDefault)
        {
            options.SerializerOptions.TypeInfoResolverChain.Add(new DefaultJsonTypeInfoResolver());
        }

        if (options.SerializerOptions.TypeInfoResolver is not null)
        {
            options.SerializerOptions.MakeReadOnly();
        }
    }
}
